// Levels of a trie in memory, in parts that are made apart: the nodes of a table that is not counted from a text.
#pragma once

#include <vector>

#include "nodes.h"

namespace fastlm::ngram {

// A level of the n-grams that begin with some neighbouring words.
struct PartLevel {
  std::vector<Word> words;
  std::vector<uint64_t> counts;
  std::vector<Word> children;  // how many; fewer than words

  void add(Word word, uint64_t count) { words.push_back(word), counts.push_back(count), children.push_back(0); }
};

using Part = std::vector<PartLevel>;  // of order 1, 2, ...

// One part behind the other. Level 1 has each word of the vocabulary.
NodeLevels nodes_of_parts(std::vector<Part> parts, int order);

}  // namespace fastlm::ngram
