// Kiefer (1953), "Sequential minimax search for a maximum": golden-section search, on the logarithm of delta.
#include "best_delta.h"

#include <cmath>
#include <numbers>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

constexpr double kLeast = 1e-9, kMost = 1e9, kPrecision = 1e-6;  // as add-delta accepts it; of its logarithm

}  // namespace

void DeltaSearch::token(Word word) {
  const size_t useful = std::min<size_t>(context_.size(), table_.order() - 1);
  const Trie& trie = table_.trie();
  const auto context = trie.find(std::span<const Word>(context_).last(useful));
  const auto found = context ? trie.child(int(useful), *context, word) : std::nullopt;
  const uint64_t count = found ? trie.count(int(useful) + 1, *found) : 0;
  seen_[{count, context ? total(int(useful), *context) : 0}]++;
  context_.push_back(word);
  if (context_.size() >= size_t(table_.order())) context_.erase(context_.begin());
}

// How often something follows a context of n words.
uint64_t DeltaSearch::total(int n, uint64_t node) {
  totals_.resize(table_.order());
  const auto [at, fresh] = totals_[n].try_emplace(node);
  if (!fresh) return at->second;
  const Trie& trie = table_.trie();
  const Range range = trie.children(n, node);
  for (uint64_t c = range.begin; c < range.end; c++)
    if (n > 0 || c != kBegin) at->second += trie.count(n + 1, c);
  return at->second;
}

double DeltaSearch::log_likelihood(double delta) const {
  const double vocabulary = double(table_.vocabulary().size() - 1);
  double sum = 0;
  for (const auto& [key, tokens] : seen_)
    sum += double(tokens) * std::log((double(key.first) + delta) / (double(key.second) + delta * vocabulary));
  return sum;
}

double DeltaSearch::finish() {
  reader_.end(*this);
  if (seen_.empty()) throw std::invalid_argument("the held-out text is empty: expected at least one line");
  double low = std::log(kLeast), high = std::log(kMost);
  while (high - low > kPrecision) {
    const double step = (high - low) / std::numbers::phi, left = high - step, right = low + step;
    if (log_likelihood(std::exp(left)) < log_likelihood(std::exp(right)))
      low = left;
    else
      high = right;
  }
  return std::exp((low + high) / 2);
}

}  // namespace fastlm::ngram
