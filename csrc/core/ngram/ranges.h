// Parts of the sorted n-grams of a corpus, each small enough for the memory there is.
#pragma once

#include <vector>

#include "tokens.h"

namespace fastlm::ngram {

// N-grams that begin with some words, followed by one from `low` to below `high`.
struct NgramRange {
  std::vector<Word> prefix;
  Word low, high;
  uint64_t places;
  bool same;  // all of them are one n-gram

  bool holds(const Word* words) const {
    for (size_t n = 0; n < prefix.size(); n++)
      if (words[n] != prefix[n]) return false;
    return words[prefix.size()] - low < high - low;
  }
};

// Ascending; each has at most so many places, but those that are the same. The corpus is read once, and once more for
// each n-gram with more places.
std::vector<NgramRange> divide(const Tokens& tokens, Word vocabulary, int order, uint64_t most_places);

}  // namespace fastlm::ngram
