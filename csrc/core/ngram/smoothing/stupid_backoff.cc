// Stupid backoff: c(context w) / c(context) if seen, else alpha times that after the shorter context. Its scores do not
// sum to 1, and are none the worse for ranking.
//
// Brants, Popat, Xu, Och and Dean (2007), "Large language models in machine translation".
#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class StupidBackoff : public Smoothing {
 public:
  explicit StupidBackoff(double alpha) : alpha_(alpha) {}

  double absent() const override { return alpha_; }

  Weights weights(const ContextCounts& context) const override {
    return {1 / context.total, context.order == 1 ? 0 : alpha_};
  }

  Parameters parameters() const override { return {{"alpha", {alpha_}}}; }

 private:
  double alpha_;
};

}  // namespace

SmoothingKind stupid_backoff() {
  return {"stupid-backoff",
          {{"alpha", {0.4, 1e-9, 1.0}}},
          false,
          [](const std::vector<CountsOfCounts>&, const Choices& choices) -> std::unique_ptr<Smoothing> {
            return std::make_unique<StupidBackoff>(choices.at("alpha")[0]);
          }};
}

}  // namespace fastlm::ngram
