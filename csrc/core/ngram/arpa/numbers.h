// Numbers as ARPA files have them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fastlm::ngram::arpa {

// The nearest float; infinities too. None: it is not a number, or out of the range of numbers.
std::optional<float> parse_float(std::string_view text);

// Appends the shortest decimal number that reads as the same float, laid out as KenLM's lmplz does. Not for NaN.
void append_float(std::string& text, float value);

}  // namespace fastlm::ngram::arpa
