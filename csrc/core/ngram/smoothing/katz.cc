// Katz backoff: counts up to k are discounted by Good and Turing's estimate, and what that frees goes to the unseen
// words, in the proportion that they have after the shorter context. Words alone are mixed with the uniform
// distribution.
//
// Katz (1987), "Estimation of probabilities from sparse data for the language model component of a speech recognizer".
#include <cmath>

#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class Katz : public Smoothing {
 public:
  Katz(std::vector<ByClass> of, int k) : of_(std::move(of)), k_(k) {}

  bool needs_lower() const override { return true; }
  ByClass discounts(int order) const override { return of_[order - 1]; }
  Weights weights(const ContextCounts& context) const override {
    const double freed = std::max(0.0, 1 - seen(context) / context.total), unseen = 1 - context.lower;
    const double scale = 1 / context.total;
    if (context.order == 1) return {scale, freed};
    if (unseen <= kRounding) return {-scale, 0};
    if (freed > 0) return {scale, freed / unseen};
    // all its counts are above k: as if one more word had been seen, so that no word becomes impossible
    return {1 / (context.total + 1), 1 / (context.total + 1) / unseen};
  }
  Parameters parameters() const override { return {{"k", {double(k_)}}}; }

 private:
  static constexpr double kRounding = 1e-9;
  std::vector<ByClass> of_;
  int k_;
};

// r - r d_r, where d_r = (r* / r - A) / (1 - A), r* = (r + 1) n_{r+1} / n_r, A = (k + 1) n_{k+1} / n_1; none where the
// counts of counts do not fall as they should.
ByClass good_turing(const CountsOfCounts& counts, int k) {
  const auto n = [&](int r) { return double(counts.of[r]); };
  ByClass discounts{};
  const double a = n(1) > 0 ? (k + 1) * n(k + 1) / n(1) : 1;
  for (int r = 1; r <= k && a < 1; r++) {
    const double d = n(r) > 0 ? ((r + 1) * n(r + 1) / n(r) / r - a) / (1 - a) : 1;
    if (d > 0 && d < 1) discounts[r] = r - r * d;
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
