// Katz backoff: counts up to k are discounted by Good and Turing's estimate, and what that frees goes to the unseen
// words, in the proportion that they have after the shorter context; of words alone, to those that do not occur, in
// equal parts.
//
// Katz (1987), "Estimation of probabilities from sparse data for the language model component of a speech recognizer".
// Where its formulas give nothing, what SRILM does: Stolcke (2002), "SRILM: an extensible language modeling toolkit".
#include <cmath>

#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

constexpr double kRounding = 1e-9;
constexpr double kLeast = 3e-6;  // a ratio, or a part of the probability, below it is none

class Katz : public Smoothing {
 public:
  Katz(std::vector<ByClass> of, int k) : of_(std::move(of)), k_(k) {}

  bool needs_lower() const override { return true; }
  ByClass discounts(int order) const override { return of_[order - 1]; }
  Weights weights(const ContextCounts& context) const override {
    const double kept = seen(context), freed = 1 - kept / context.total, unseen = 1 - context.lower;
    if (unseen <= kRounding) return {1 / kept, 0};  // every word was seen: they share what is left
    if (freed > kLeast) return {1 / context.total, freed / unseen};
    // as if one more word had been seen, so that no word becomes impossible
    return {-1 / (context.total + 1), 1 / (context.total + 1) / unseen};
  }
  Parameters parameters() const override { return {{"k", {double(k_)}}}; }

 private:
  std::vector<ByClass> of_;
  int k_;
};

// r - r d_r, where d_r = (r* / r - A) / (1 - A), r* = (r + 1) n_{r+1} / n_r, A = (k + 1) n_{k+1} / n_1; none where the
// counts of counts do not fall as they should. k is lowered to where there is an n_{k+1}.
ByClass good_turing(const CountsOfCounts& counts, int k) {
  const auto n = [&](int r) { return double(counts.of[r]); };
  ByClass discounts{};
  if (n(1) == 0) return discounts;
  while (k > 0 && n(k + 1) == 0) k--;
  const double a = (k + 1) * n(k + 1) / n(1);
  for (int r = 1; r <= k; r++) {
    if (n(r) == 0 || a == 1) continue;
    const double turing = (r + 1) * n(r + 1) / (r * n(r)), d = (turing - a) / (1 - a);
    if (turing <= 1 && d > kLeast && d <= 1) discounts[r] = r - r * d;
  }
  return discounts;
}

}  // namespace

SmoothingKind katz() {
  return {"katz",
          {{"k", {5.0, 1.0, kClasses - 3.0}}},
          false,
          [](const std::vector<CountsOfCounts>& orders, const Choices& choices) -> std::unique_ptr<Smoothing> {
            const int k = int(std::lround(choices.at("k")[0]));
            std::vector<ByClass> of;
            for (const CountsOfCounts& counts : orders) of.push_back(good_turing(counts, k));
            return std::make_unique<Katz>(std::move(of), k);
          }};
}

}  // namespace fastlm::ngram
