// A sorted, packed trie of n-grams, by their first words: what can follow a context lies side by side.
//
// Level n holds the n-grams of order n, sorted. Those that continue one of level n - 1 are the range children(n - 1).
// Level 1 has an entry for each word of the vocabulary, seen or not. Every end of an n-gram is an n-gram too.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "level.h"
#include "nodes.h"

namespace fastlm::ngram {

class Trie {
 public:
  Trie() = default;
  Trie(const Sections& sections, int order);

  int order() const { return int(levels_.size()); }
  uint64_t vocabulary() const { return size(1); }
  uint64_t size(int n) const { return level(n).size(); }
  const Level& level(int n) const { return levels_[n - 1]; }

  Word word(int n, uint64_t i) const { return level(n).word(i); }
  uint64_t count(int n, uint64_t i) const { return level(n).count(i); }

  // Of n-gram i of order n in level n + 1; of nothing (n = 0) the whole vocabulary.
  Range children(int n, uint64_t i) const {
    if (n == 0) return {0, vocabulary()};
    if (n == order()) return {0, 0};
    return level(n).children(i);
  }

  // The n-gram of order n + 1 that continues n-gram i of order n with a word.
  std::optional<uint64_t> child(int n, uint64_t i, Word word) const { return find(n + 1, children(n, i), word); }

  // In a range of level n, whose words ascend.
  std::optional<uint64_t> find(int n, Range range, Word word) const {
    const uint64_t at = level(n).lower_bound(range, word);
    return at < range.end && this->word(n, at) == word ? std::optional(at) : std::nullopt;
  }
  uint64_t lower_bound(int n, Range range, Word word) const { return level(n).lower_bound(range, word); }

  std::optional<uint64_t> find(std::span<const Word> ngram) const;

  // Words of the n-grams [begin, end) of order n, a row each.
  void copy_words(int n, uint64_t begin, uint64_t end, Word* rows) const;

  // What is wrong with arrays that came from a file, or nothing. Only the whole check makes every access safe.
  std::optional<std::string> fault(bool whole) const;

 private:
  const char* fault_of_children(int n) const;
  uint64_t parent(int n, uint64_t i) const;  // of n-gram i of order n, in level n - 1

  std::vector<Level> levels_;
};

// The nodes of a trie, with their counts or adjusted counts, as a trie of a file or of memory.
enum class Counts { kRaw, kAdjusted };
void write_trie(SectionSink& sink, const NodeLevels& levels, Counts counts = Counts::kRaw);

}  // namespace fastlm::ngram
