#include "numbers.h"

#include <charconv>
#include <cmath>

namespace fastlm::ngram::arpa {
namespace {

template <class Number>
std::from_chars_result parse(std::string_view text, Number& number) {
  return std::from_chars(text.data(), text.data() + text.size(), number);
}

}  // namespace

std::optional<float> parse_float(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  float number = 0;
  auto result = parse(text, number);
  if (result.ec == std::errc::result_out_of_range && result.ptr == end) {  // 1e-50 is 0, -1e50 is -infinity
    double wide = 0;
    result = parse(text, wide);
    number = float(wide);
  }
  if (result.ec != std::errc() || result.ptr != end || std::isnan(number)) return std::nullopt;
  return number;
}

void append_float(std::string& text, float value) {
  constexpr int kLeast = -6, kGreatest = 21;  // powers of ten that are written without an exponent, as lmplz does
  if (value == 0) {
    text += '0';
    return;
  }
  if (value < 0) text += '-', value = -value;
  if (std::isinf(value)) {
    text += "inf";
    return;
  }
  char scientific[32];  // d.ddddde-XX
  const char* const end =
      std::to_chars(scientific, scientific + sizeof scientific, value, std::chars_format::scientific).ptr;
  char digits[16];
  int count = 0;
  const char* p = scientific;
  for (; *p != 'e'; p++)
    if (*p != '.') digits[count++] = *p;
  p++;
  int power = 0;
  std::from_chars(p + (*p == '+'), end, power);
  const std::string_view all(digits, size_t(count));
  if (power < kLeast || power >= kGreatest) {
    text += digits[0];
    if (count > 1) text.append(".").append(all.substr(1));
    text.append("e").append(std::to_string(power));
  } else if (power < 0) {
    text.append("0.").append(size_t(-power - 1), '0').append(all);
  } else if (count <= power + 1) {
    text.append(all).append(size_t(power + 1 - count), '0');
  } else {
    text.append(all.substr(0, size_t(power + 1))).append(".").append(all.substr(size_t(power + 1)));
  }
}

}  // namespace fastlm::ngram::arpa
