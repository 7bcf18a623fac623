// Stolcke (1998), "Entropy-based pruning of backoff language models". As in SRILM, the probability of a history that
// begins with <s> takes that of </s> for <s>, since there are as many of both.
#include "pruning.h"

#include <cmath>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

constexpr double kRounding = 1e-9;  // a part of the probability below it is none
// What is left beside words whose probabilities are single: their rounding is no part.
double rest_of(double sum) { return std::max(0.0, 1 - sum); }

class Pruner {
 public:
  Pruner(const Model& model, double threshold, const Workers& workers)
      : model_(model),
        trie_(model.table().trie()),
        threshold_(threshold),
        workers_(workers),
        levels_(listed(model, workers)),
        kept_(trie_.order()),
        children_(trie_.order()),
        weights_(trie_.order()) {}

  Model run() {
    weigh_histories();
    kept_[0].assign(trie_.size(1), true);
    for (int n = 1; n < trie_.order(); n++) kept_[n].assign(trie_.size(n + 1), false);
    for (int n = trie_.order() - 1; n >= 1; n--) {
      if (workers_.poll) workers_.poll();
      for (uint64_t i = 0; i < trie_.size(n); i++) choose(n, i);
    }
    for (int n = 1; n < trie_.order(); n++) weigh(n);
    return stored();
  }

 private:
  struct Sums {
    double seen = 0, lower = 0;  // of the words after a context, there and after the shorter one
  };

  double shorter(int n, uint64_t c) const { return levels_[n - 1].probabilities[levels_[n].shorter[c]]; }

  // Of n-gram i of order n, by what follows it: of all, or of those that stay.
  template <class Which>
  Sums sums(int n, const Range& range, Which&& which) const {
    Sums sums;
    for (uint64_t c = range.begin; c < range.end; c++)
      if (which(c)) sums.seen += levels_[n].probabilities[c], sums.lower += shorter(n, c);
    return sums;
  }

  // How often the model itself would write each n-gram that something follows.
  void weigh_histories() {
    histories_.resize(trie_.order());
    histories_[0].assign(levels_[0].probabilities.begin(), levels_[0].probabilities.end());
    histories_[0][kBegin] = levels_[0].probabilities[kEnd];
    for (int n = 1; n + 1 < trie_.order(); n++) {
      histories_[n].resize(trie_.size(n + 1));
      for (uint64_t i = 0; i < trie_.size(n); i++) {
        const Range range = trie_.children(n, i);
        for (uint64_t c = range.begin; c < range.end; c++)
          histories_[n][c] = histories_[n - 1][i] * levels_[n].probabilities[c];
      }
    }
  }

  // Which n-grams that continue n-gram i of order n stay.
  void choose(int n, uint64_t i) {
    const Range range = trie_.children(n, i);
    if (range.size() == 0) return;
    const Sums all = sums(n, range, [](uint64_t) { return true; });
    const double left = rest_of(all.seen), room = rest_of(all.lower), weight = model_.weights(n, i).unseen;
    for (uint64_t c = range.begin; c < range.end; c++) {
      if (!kept_[n][c] &&
          change(histories_[n - 1][i], levels_[n].probabilities[c], shorter(n, c), left, room, weight) < threshold_)
        continue;
      kept_[n][c] = true;
      kept_[n - 1][i] = true;
      kept_[n - 1][levels_[n].shorter[c]] = true;
    }
  }

  // (perplexity without the n-gram) / (perplexity with it) - 1
  static double change(double history, double p, double shorter, double left, double room, double weight) {
    const double without = (left + p) / (room + shorter);  // weight of the shorter context
    double change = 0;
    if (p > 0) change += p * (std::log(shorter * without) - std::log(p));
    if (left > kRounding) change += left * (std::log(without) - std::log(weight));
    const double relative = std::expm1(-history * change);
    return std::isnan(relative) ? 0 : relative;
  }

  void weigh(int n) {
    for (uint64_t i = 0; i < trie_.size(n); i++) {
      if (!kept_[n - 1][i]) continue;
      const Range range = trie_.children(n, i);
      uint64_t left = 0;
      const Sums staying = sums(n, range, [&](uint64_t c) {
        left += kept_[n][c];
        return kept_[n][c];
      });
      const double room = rest_of(staying.lower);
      children_[n - 1].push_back(uint32_t(left));
      weights_[n - 1].push_back(left == 0              ? 1
                                : left == range.size() ? model_.weights(n, i).unseen
                                : room > kRounding     ? float(rest_of(staying.seen) / room)
                                                       : 0);
    }
  }

  Model stored() const {
    StoredLevels levels;
    for (int n = 1; n <= trie_.order(); n++) {
      const uint64_t size = std::ranges::count(kept_[n - 1], true);
      levels.push_back({size, [this, n](const auto& visit) {
                          uint64_t at = 0;
                          const bool last = n == trie_.order();
                          for (uint64_t i = 0; i < trie_.size(n); i++) {
                            if (!kept_[n - 1][i]) continue;
                            visit({trie_.word(n, i), levels_[n - 1].probabilities[i], last ? 1 : weights_[n - 1][at],
                                   last ? 0 : children_[n - 1][at]});
                            at++;
                          }
                        }});
    }
    return store(model_.table().corpus(), model_.vocabulary(), levels, storing_of(model_), workers_);
  }

  const Model& model_;
  const Trie& trie_;
  double threshold_;
  const Workers& workers_;
  std::vector<ListedLevel> levels_;
  std::vector<std::vector<double>> histories_;
  std::vector<std::vector<bool>> kept_;
  std::vector<std::vector<uint32_t>> children_;  // of those that stay
  std::vector<std::vector<float>> weights_;
};

}  // namespace

Model prune(const Model& model, double threshold, const Workers& workers) {
  if (!(threshold >= 0))
    throw std::invalid_argument("the threshold of pruning must be 0 or more, got " + std::to_string(threshold));
  if (storing_of(model).absent != 1)
    throw std::invalid_argument("pruning needs a smoothing whose probabilities sum to 1, got '" + model.smoothing() +
                                "'");
  return Pruner(model, threshold, workers).run();
}

}  // namespace fastlm::ngram
