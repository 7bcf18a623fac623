#include "trie.h"

#include <utility>

namespace fastlm::ngram {

Trie::Trie(const Sections& sections, int order) {
  for (int n = 1; n <= order; n++) levels_.emplace_back(sections, n);
}

std::optional<uint64_t> Trie::find(std::span<const Word> ngram) const {
  std::optional<uint64_t> at = 0;
  for (size_t n = 0; n < ngram.size() && at; n++) at = int(n) < order() ? child(int(n), *at, ngram[n]) : std::nullopt;
  return at;
}

uint64_t Trie::parent(int n, uint64_t i) const {
  uint64_t at = 0;  // the last one whose children do not begin behind i
  for (uint64_t size = this->size(n - 1); size > 0;) {
    const uint64_t half = size / 2;
    if (children(n - 1, at + half).begin <= i)
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
  const auto where = [](int n) { return "the n-grams of order " + std::to_string(n) + " have "; };
  for (int n = 1; n <= order(); n++) {
    const Level& level = this->level(n);
    if (const auto fault = level.fault(n == order(), whole); !fault.empty()) return where(n) + fault;
    if ((n == 1) != (level.shape().word_bits == 0)) return where(n) + "words that do not match their order";
    if (level.shape().next != (n < order() ? size(n + 1) : 0))
      return where(n) + "children that do not match their order";
  }
  for (int n = 1; whole && n < order(); n++)
    if (const char* fault = fault_of_children(n)) return where(n) + fault;
  return std::nullopt;
}

const char* Trie::fault_of_children(int n) const {
  uint64_t end = 0;
  for (uint64_t i = 0; i < size(n); i++) {
    const Range range = children(n, i);
    if (range.begin != end || range.end < range.begin || range.end > size(n + 1)) return "children out of order";
    const WordIndex& index = level(n + 1).index();
    if (index.holds(range) && !index.valid(range, [&](uint64_t c) { return word(n + 1, c); }))
      return "children that their index does not know";
    for (uint64_t c = range.begin; c < range.end; c++)
      if (word(n + 1, c) >= vocabulary() || (c > range.begin && word(n + 1, c) <= word(n + 1, c - 1)))
        return "children that are not sorted";
    end = range.end;
  }
  return end == size(n + 1) ? nullptr : "children that do not fill the next order";
}

void write_trie(SectionSink& sink, const NodeLevels& levels, Counts counts) {
  const auto count_of = [&](const Node& node) { return counts == Counts::kRaw ? node.count : node.adjusted; };
  RangeSizes below;
  for (int n = 1; n <= int(levels.size()); n++) {
    const NodeLevel& level = levels[n - 1];
    LevelNeeds needs;
    needs.n = n, needs.size = level.size, needs.vocabulary = Word(levels[0].size),
    needs.ranges = std::exchange(below, {});
    if (n > 1) needs.above = levels[n - 2].size;
    if (n < int(levels.size())) needs.next = levels[n].size;
    const auto sizes = level.open();
    for (auto nodes = sizes->next(); !nodes.empty(); nodes = sizes->next())
      for (const Node& node : nodes) needs.counts.add(count_of(node)), below.add(node.children);
    LevelWriter writer(sink, n, choose_shape(needs));
    const auto source = level.open();
    for (auto nodes = source->next(); !nodes.empty(); nodes = source->next())
      for (const Node& node : nodes) writer.add(node.word, count_of(node), 0, node.children);
    writer.finish();
  }
}

}  // namespace fastlm::ngram
