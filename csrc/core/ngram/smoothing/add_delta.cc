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

  double estimate(const Context& context, std::span<double> probabilities) const override {
    const double total = context.total + delta_ * context.vocabulary;
    for (size_t i = 0; i < probabilities.size(); i++) probabilities[i] = (double(context.counts[i]) + delta_) / total;
    return delta_ * context.vocabulary / total;
  }

  Parameters parameters() const override { return {{"delta", {delta_}}}; }

 private:
  double delta_;
};

}  // namespace

SmoothingKind add_delta() {
  return {"add-delta",
          {{"delta", {1.0, 1e-9, 1e9}}},
          [](const Trie&, const Choices& choices) -> std::unique_ptr<Smoothing> {
            return std::make_unique<AddDelta>(choices.at("delta"));
          }};
}

}  // namespace fastlm::ngram
