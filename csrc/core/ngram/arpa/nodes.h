// The n-grams of a model as the nodes of a trie, level by level.
#pragma once

#include "ngrams.h"

namespace fastlm::ngram::arpa {

// An n-gram that continues the one of the level above it.
struct Node {
  Word word;          // its last one
  uint64_t children;  // n-grams of the next level that continue it
  float probability, backoff;
};

class NodeSource {
 public:
  virtual ~NodeSource() = default;
  virtual std::span<const Node> next() = 0;  // some more, valid until the next call; none: that was all
};

// The nodes of order n, 1 <= n <= levels.size(), sorted as the trie is. Throws std::invalid_argument if an n-gram of
// the next level continues none.
std::unique_ptr<NodeSource> open_nodes(const Levels& levels, int n);

}  // namespace fastlm::ngram::arpa
