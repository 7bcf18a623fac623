#include "utf8.h"

#include <algorithm>
#include <cstdint>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

struct Lead {
  size_t length;             // of the character, 0: no lead byte
  uint8_t lowest, greatest;  // of its second byte
};

Lead lead_of(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2 || byte > 0xF4) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte < 0xF0) return {3, uint8_t(byte == 0xE0 ? 0xA0 : 0x80), uint8_t(byte == 0xED ? 0x9F : 0xBF)};
  return {4, uint8_t(byte == 0xF0 ? 0x90 : 0x80), uint8_t(byte == 0xF4 ? 0x8F : 0xBF)};
}

// How many bytes at the head begin a character as they should.
size_t good_bytes(std::string_view text, const Lead& lead) {
  size_t good = lead.length > 0;
  while (good < std::min(lead.length, text.size())) {
    const uint8_t byte = text[good], lowest = good == 1 ? lead.lowest : 0x80,
                  greatest = good == 1 ? lead.greatest : 0xBF;
    if (byte < lowest || byte > greatest) break;
    good++;
  }
  return good;
}

}  // namespace

InvalidUtf8 invalid_utf8_policy(std::string_view name) {
  if (name == "strict") return InvalidUtf8::kStrict;
  if (name == "replace") return InvalidUtf8::kReplace;
  if (name == "ignore") return InvalidUtf8::kIgnore;
  throw std::invalid_argument("errors must be 'strict', 'replace' or 'ignore', got '" + std::string(name) + "'");
}

size_t utf8_character(std::string_view text) {
  if (text.empty()) return 0;
  const Lead lead = lead_of(text[0]);
  return good_bytes(text, lead) == lead.length ? lead.length : 0;
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_character(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string repair_utf8(std::string_view text, InvalidUtf8 policy) {
  std::string repaired;
  while (!text.empty()) {
    const Lead lead = lead_of(text[0]);
    const size_t good = good_bytes(text, lead);
    if (good == lead.length && good > 0)
      repaired += text.substr(0, good);
    else if (policy == InvalidUtf8::kReplace)
      repaired += "\xEF\xBF\xBD";
    text.remove_prefix(std::max<size_t>(1, good));
  }
  return repaired;
}

}  // namespace fastlm::ngram
