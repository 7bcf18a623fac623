// Add-delta: every n-gram is counted delta times more than it occurs. P(w | context) = (c(context w) + delta) /
// (c(context) + delta |V|).
//
// Lidstone (1920); delta = 1 is Laplace's rule of succession.
#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class AddDelta : public Smoothing {
 public:
  explicit AddDelta(double delta) : delta_(delta) {}

  Unseen unseen() const override { return Unseen::kUniform; }

  ByClass discounts(int) const override {
    ByClass discounts;
    discounts.fill(-delta_);
    return discounts;
  }

  Weights weights(const ContextCounts& context) const override {
    const double added = delta_ * context.vocabulary;
    return {1 / (context.total + added), added / (context.total + added)};
  }

  Parameters parameters() const override { return {{"delta", {delta_}}}; }

 private:
  double delta_;
};

}  // namespace

SmoothingKind add_delta() {
  return {"add-delta",
          {{"delta", {1.0, 1e-9, 1e9}}},
          false,
          [](const std::vector<CountsOfCounts>&, const Choices& choices) -> std::unique_ptr<Smoothing> {
            return std::make_unique<AddDelta>(choices.at("delta")[0]);
          }};
}

}  // namespace fastlm::ngram
