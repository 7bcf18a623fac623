#include "trie.h"

#include <algorithm>

namespace fastlm::ngram {

uint64_t Trie::lower_bound(int n, Range range, Word word) const {
  if (n == 1) return std::clamp<uint64_t>(word, range.begin, range.end);
  const Array& words = level(n).words;
  uint64_t at = range.begin;
  for (uint64_t size = range.size(); size > 0;) {
    const uint64_t half = size / 2;
    if (words[at + half] < word)
      at += half + 1, size -= half + 1;
    else
      size = half;
  }
  return at;
}

std::optional<uint64_t> Trie::find(std::span<const Word> ngram) const {
  std::optional<uint64_t> at = 0;
  for (size_t n = 0; n < ngram.size() && at; n++) at = int(n) < order() ? child(int(n), *at, ngram[n]) : std::nullopt;
  return at;
}

uint64_t Trie::parent(int n, uint64_t i) const {
  const Array& begins = level(n - 1).children;  // the last one that is not behind i
  uint64_t at = 0;
  for (uint64_t size = begins.size(); size > 0;) {
    const uint64_t half = size / 2;
    if (begins[at + half] <= i)
      at += half + 1, size -= half + 1;
    else
      size = half;
  }
  return at - 1;
}

void Trie::copy_words(int n, uint64_t begin, uint64_t end, Word* rows) const {
  if (begin >= end) return;
  uint64_t path[kMaxOrder + 1];  // the n-gram of each order that begins the current one
  path[n] = begin;
  for (int k = n; k > 1; k--) path[k - 1] = parent(k, path[k]);
  for (uint64_t i = begin; i < end; i++, rows += n) {
    path[n] = i;
    for (int k = n; k > 1; k--)
      while (path[k] >= children(k - 1, path[k - 1]).end) path[k - 1]++;
    for (int k = 1; k <= n; k++) rows[k - 1] = word(k, path[k]);
  }
}

std::optional<std::string> Trie::fault(bool whole) const {
  for (int n = 1; n <= order(); n++) {
    const auto& [words, counts, children] = level(n);
    const std::string where = "the n-grams of order " + std::to_string(n);
    if (n > 1 && words.size() != counts.size()) return where + " have words and counts that do not match";
    if (n == order()) {
      if (children.size()) return where + " have children";
      continue;
    }
    const uint64_t next = level(n + 1).counts.size();
    if (children.size() != counts.size() + 1 || children[0] != 0 || children[counts.size()] != next)
      return where + " have children that do not match the next order";
    if (!whole) continue;
    for (uint64_t i = 0; i < counts.size(); i++) {
      const Range range{children[i], children[i + 1]};
      if (range.begin > range.end || range.end > next) return where + " have children out of order";
      for (uint64_t c = range.begin; c < range.end; c++)
        if (word(n + 1, c) >= vocabulary() || (c > range.begin && word(n + 1, c) <= word(n + 1, c - 1)))
          return where + " have children that are not sorted";
    }
  }
  return std::nullopt;
}

}  // namespace fastlm::ngram
