// Maximum likelihood: P(w | context) = c(context w) / c(context). Nothing is left for what was not seen.
#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class MaximumLikelihood : public Smoothing {
 public:
  Unseen unseen() const override { return Unseen::kNothing; }
  Weights weights(const ContextCounts& context) const override { return {1 / context.total, 0}; }
};

}  // namespace

SmoothingKind maximum_likelihood() {
  return {"maximum-likelihood",
          {},
          false,
          [](const std::vector<CountsOfCounts>&, const Choices&) -> std::unique_ptr<Smoothing> {
            return std::make_unique<MaximumLikelihood>();
          }};
}

}  // namespace fastlm::ngram
