// The nodes of a trie one behind the other, level by level: what counting gives, and what a packed trie is made of.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "word.h"

namespace fastlm::ngram {

// An n-gram that continues the one of the level above it.
struct Node {
  Word word;          // its last one
  uint64_t count;     // how often it occurs
  uint64_t adjusted;  // Kneser & Ney's count: how many different words stand before it, <s> among them. Of n-grams of
                      // the highest order and of those that begin with <s>: count
  uint64_t children;  // n-grams of the next level that continue it
};

// The nodes of one level, sorted as the trie is, read once from front to back. Level 1 has a node for each word of the
// vocabulary, seen or not.
class NodeSource {
 public:
  virtual ~NodeSource() = default;
  virtual std::span<const Node> next() = 0;  // some more, valid until the next call; none: that was all
};

struct NodeLevel {
  uint64_t size;                                      // nodes
  std::function<std::unique_ptr<NodeSource>()> open;  // to read it once more
};

using NodeLevels = std::vector<NodeLevel>;  // of order 1, 2, ...

}  // namespace fastlm::ngram
