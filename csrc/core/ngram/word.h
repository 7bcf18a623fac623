// Words as numbers. The first three are not words of the text.
#pragma once

#include <cstdint>
#include <limits>

namespace fastlm::ngram {

using Word = uint32_t;

inline constexpr Word kUnknown = 0;  // <unk>: every word that is not in the vocabulary
inline constexpr Word kBegin = 1;    // <s>: before the first word of a sentence; never predicted
inline constexpr Word kEnd = 2;      // </s>: after the last one
inline constexpr Word kSpecial = 3;  // how many there are
inline constexpr Word kMaxWord = std::numeric_limits<Word>::max();
inline constexpr const char* kSpecialWords[kSpecial] = {"<unk>", "<s>", "</s>"};

inline constexpr int kMaxOrder = 32;

}  // namespace fastlm::ngram
