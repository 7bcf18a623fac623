// The counts of the n-grams of a corpus, with its vocabulary.
#pragma once

#include <cstdint>

#include "trie.h"
#include "vocabulary.h"

namespace fastlm::ngram {

struct Table {
  Vocabulary vocabulary;
  Trie trie;
  uint64_t tokens;  // words and ends of sentences
  uint64_t sentences;

  int order() const { return trie.order(); }
  uint64_t distinct(int n) const;  // n-grams of order n that occur
};

}  // namespace fastlm::ngram
