// Witten-Bell: as much is given to the shorter context as different words were seen, T. P(w | context) = (c(context w)
// + T P(w | shorter)) / (c(context) + T).
//
// Witten and Bell (1991), "The zero-frequency problem"; interpolated as in Chen and Goodman (1998).
#include "../smoothing.h"

namespace fastlm::ngram {
namespace {

class WittenBell : public Smoothing {
 public:
  bool interpolates() const override { return true; }
  Weights weights(const ContextCounts& context) const override {
    const double all = context.total + context.distinct;
    return {1 / all, (context.distinct + context.pruned) / all};
  }
};

}  // namespace

SmoothingKind witten_bell() {
  return {
      "witten-bell", {}, false, [](const std::vector<CountsOfCounts>&, const Choices&) -> std::unique_ptr<Smoothing> {
        return std::make_unique<WittenBell>();
      }};
}

}  // namespace fastlm::ngram
