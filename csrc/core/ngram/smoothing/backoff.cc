// Backoff with absolute discounting: a constant D is taken off every count, and what that frees goes to the unseen
// words, in the proportion that they have after the shorter context. Words alone are mixed with the uniform
// distribution.
//
// Katz (1987), "Estimation of probabilities from sparse data", for the scheme; discounted.h for D.
#include "discounted.h"

namespace fastlm::ngram {
namespace {

class Backoff : public Discounted {
 public:
  using Discounted::Discounted;

  bool interpolates() const override { return false; }
  bool mixes_words() const override { return true; }
  bool implied() const override { return false; }
  bool needs_lower() const override { return true; }
  Weights weights(const ContextCounts& context) const override {
    const Weights mixed = Discounted::weights(context);
    const double unseen = 1 - context.lower;
    if (context.order == 1) return mixed;
    if (unseen <= kRounding) return {-mixed.scale, 0};  // every word was seen: nobody to give anything to
    return {mixed.scale, mixed.unseen / unseen};
  }

 private:
  static constexpr double kRounding = 1e-9;
};

}  // namespace

SmoothingKind backoff() {
  return {"backoff",
          {{"discount", {std::nullopt, 0.0, 1.0}}},
          false,
          [](const std::vector<CountsOfCounts>& orders, const Choices& choices) -> std::unique_ptr<Smoothing> {
            const Numbers discounts = neys_discounts(orders, choices, 0.5);
            return std::make_unique<Backoff>(for_each_order(discounts), Parameters{{"discount", discounts}});
          }};
}

}  // namespace fastlm::ngram
