#include "trie_nodes.h"

#include <stdexcept>

namespace fastlm::ngram {
namespace {

using Adjusted = std::vector<uint64_t>;  // of a level; empty: the counts themselves

class TrieSource : public NodeSource {
 public:
  TrieSource(const Trie& trie, int n, std::shared_ptr<const Adjusted> adjusted)
      : trie_(trie), n_(n), adjusted_(std::move(adjusted)) {}

  std::span<const Node> next() override {
    const Level& level = trie_.level(n_);
    size_t filled = 0;
    for (; filled < kBlock && at_ < level.size(); filled++, at_++) {
      const Level::Entry entry = level.entry(at_);
      const uint64_t adjusted = adjusted_->empty() ? entry.count : (*adjusted_)[at_];
      nodes_[filled] = {level.word(at_), entry.count, adjusted, n_ < trie_.order() ? entry.children.size() : 0};
    }
    return {nodes_, filled};
  }

 private:
  static constexpr size_t kBlock = 512;

  const Trie& trie_;
  int n_;
  std::shared_ptr<const Adjusted> adjusted_;
  uint64_t at_ = 0;
  Node nodes_[kBlock];
};

// How many n-grams of the next order end in each, and the counts of those that begin with <s>.
std::vector<Adjusted> adjusted_counts(const Trie& trie, const Workers& workers) {
  std::vector<Adjusted> levels;
  std::vector<uint64_t> shorter(trie.size(1)), next;  // of each n-gram that without its first word
  Range begun{kBegin, kBegin + 1};                    // those that begin with <s>
  for (int n = 1; n < trie.order(); n++) {
    const uint64_t contexts = trie.size(n);
    next.assign(trie.size(n + 1), 0);
    constexpr uint64_t kPiece = 1 << 14;
    parallel((contexts + kPiece - 1) / kPiece, workers, [&](size_t piece) {
      for (uint64_t i = piece * kPiece; i < std::min(contexts, (piece + 1) * kPiece); i++) {
        const Range range = trie.children(n, i);
        Range rest = trie.children(n - 1, shorter[i]);
        for (uint64_t c = range.begin; c < range.end; c++) {
          const auto end = trie.find(n, rest, trie.word(n + 1, c));
          if (!end) throw std::invalid_argument("the table lacks the end of one of its n-grams");
          rest.begin = next[c] = *end;  // both ranges ascend
        }
      }
    });
    Adjusted adjusted(contexts);
    for (uint64_t end : next) adjusted[end]++;
    for (uint64_t i = begun.begin; i < begun.end; i++) adjusted[i] = trie.count(n, i);
    levels.push_back(std::move(adjusted));
    if (begun.size() > 0) begun = {trie.children(n, begun.begin).begin, trie.children(n, begun.end - 1).end};
    shorter.swap(next);
  }
  levels.emplace_back();
  return levels;
}

}  // namespace

NodeLevels nodes_of(const Trie& trie, bool adjusted, const Workers& workers) {
  std::vector<Adjusted> counts(trie.order());
  if (adjusted) counts = adjusted_counts(trie, workers);
  NodeLevels levels;
  for (int n = 1; n <= trie.order(); n++) {
    auto shared = std::make_shared<const Adjusted>(std::move(counts[n - 1]));
    levels.push_back({trie.size(n), [&trie, n, shared] { return std::make_unique<TrieSource>(trie, n, shared); }});
  }
  return levels;
}

}  // namespace fastlm::ngram
