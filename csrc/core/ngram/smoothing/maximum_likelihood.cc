// Maximum likelihood: P(w | context) = c(context w) / c(context). Nothing is left for what was not seen.
#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class MaximumLikelihood : public Smoothing {
 public:
  Unseen unseen() const override { return Unseen::kNothing; }

  double estimate(const Context& context, std::span<double> probabilities) const override {
    for (size_t i = 0; i < probabilities.size(); i++) probabilities[i] = double(context.counts[i]) / context.total;
    return 0;
  }
};

}  // namespace

SmoothingKind maximum_likelihood() {
  return {"maximum-likelihood", {}, [](const Trie&, const Choices&) -> std::unique_ptr<Smoothing> {
            return std::make_unique<MaximumLikelihood>();
          }};
}

}  // namespace fastlm::ngram
