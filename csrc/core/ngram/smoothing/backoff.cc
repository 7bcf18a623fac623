// Backoff with absolute discounting: a constant D is taken off every count, and what that frees goes to the unseen
// words, in the proportion that they have after the shorter context. Words alone are mixed with the uniform
// distribution.
//
// Katz (1987), "Estimation of probabilities from sparse data", for the scheme; Ney, Essen and Kneser (1994), "On
// structuring probabilistic dependences in stochastic language modelling", for the discount n1 / (n1 + 2 n2), where n_r
// n-grams occur r times.
#include <algorithm>
#include <numeric>

#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class Backoff : public Smoothing {
 public:
  explicit Backoff(std::vector<double> discounts) : discounts_(std::move(discounts)) {}

  Unseen unseen() const override { return Unseen::kShorter; }

  double estimate(const Context& context, std::span<double> probabilities) const override {
    const auto& [order, total, vocabulary, counts, lower] = context;
    const double discount = discounts_[order - 1];
    const double freed = discount * double(counts.size() - std::count(counts.begin(), counts.end(), 0)) / total;
    if (order == 1) {
      for (size_t i = 0; i < counts.size(); i++)
        probabilities[i] = std::max(0.0, double(counts[i]) - discount) / total + freed * lower[i];
      return 0;
    }
    const double unseen = 1 - std::accumulate(lower.begin(), lower.end(), 0.0);
    const bool none = unseen <= kRounding;  // every word was seen: nobody to give anything to
    for (size_t i = 0; i < counts.size(); i++) probabilities[i] = (double(counts[i]) - (none ? 0 : discount)) / total;
    return none ? 0 : freed / unseen;
  }

  Parameters parameters() const override { return {{"discount", discounts_}}; }

 private:
  static constexpr double kRounding = 1e-9;
  std::vector<double> discounts_;  // for each order
};

double neys_discount(const Trie& trie, int n) {
  double once = 0, twice = 0;
  for (uint64_t i = 0; i < trie.size(n); i++) {
    if (n == 1 && i == kBegin) continue;  // is never predicted
    once += trie.count(n, i) == 1;
    twice += trie.count(n, i) == 2;
  }
  return once > 0 && twice > 0 ? once / (once + 2 * twice) : 0.5;
}

}  // namespace

SmoothingKind backoff() {
  return {"backoff",
          {{"discount", {std::nullopt, 0.0, 1.0}}},
          [](const Trie& trie, const Choices& choices) -> std::unique_ptr<Smoothing> {
            std::vector<double> discounts;
            for (int n = 1; n <= trie.order(); n++)
              discounts.push_back(choices.contains("discount") ? choices.at("discount") : neys_discount(trie, n));
            return std::make_unique<Backoff>(std::move(discounts));
          }};
}

}  // namespace fastlm::ngram
