// Lines of a file that comes in blocks, cut anywhere, with what stands in them, and how a message shows it.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "utf8.h"

namespace fastlm::ngram {

class LineReader {
 public:
  void begin() { number_ = 1, partial_.clear(); }
  uint64_t number() const { return number_; }            // of the line that is under way, from 1
  std::string_view partial() const { return partial_; }  // its head, if its block has ended

  // line(std::string_view) for each line that ends; check(size) for the bytes of one that goes on.
  template <class Line, class Check>
  void add(std::string_view block, Line&& line, Check&& check) {
    while (!block.empty()) {
      const void* const found = std::memchr(block.data(), '\n', block.size());
      const size_t length = found ? static_cast<const char*>(found) - block.data() : block.size();
      if (!found || !partial_.empty()) {
        check(partial_.size() + length);
        partial_.append(block.substr(0, length));
        if (!found) return;
        line(std::string_view(partial_));
        partial_.clear();
      } else {
        line(block.substr(0, length));
      }
      number_++;
      block.remove_prefix(length + 1);
    }
  }

 private:
  uint64_t number_ = 0;
  std::string partial_;
};

inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

// Takes the next field off a line; empty: there is none.
inline std::string_view next_field(std::string_view& line) {
  const char *p = line.data(), *const end = p + line.size();
  while (p < end && is_blank(*p)) p++;
  const char* const begin = p;
  while (p < end && !is_blank(*p)) p++;
  line = {p, size_t(end - p)};
  return {begin, size_t(p - begin)};
}

inline std::string_view trimmed(std::string_view line) {
  while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
  while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
  return line;
}

inline std::optional<uint64_t> parse_whole(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

// A text as it may stand in a message.
inline std::string shown(std::string_view text) {
  constexpr size_t kShown = 60;  // bytes
  std::string safe = repair_utf8(text.substr(0, kShown), InvalidUtf8::kReplace);
  for (char& c : safe)
    if (uint8_t(c) < ' ' || c == 0x7F) c = '?';
  return std::string("'").append(safe).append(text.size() > kShown ? "...'" : "'");
}

}  // namespace fastlm::ngram
