// UTF-8: where a text is not valid, and what is done about it.
#pragma once

#include <string>
#include <string_view>

namespace fastlm::ngram {

enum class InvalidUtf8 { kStrict, kReplace, kIgnore };

InvalidUtf8 invalid_utf8_policy(std::string_view name);  // strict, replace or ignore

// Bytes of the character at the head of a text, or 0 if none stands there (Unicode 15, table 3-7).
size_t utf8_character(std::string_view text);

// First byte that is not part of a character, or npos.
size_t find_invalid_utf8(std::string_view text);

// The text with each maximal broken piece replaced by U+FFFD (as Python does), or left out.
std::string repair_utf8(std::string_view text, InvalidUtf8 policy);

}  // namespace fastlm::ngram
