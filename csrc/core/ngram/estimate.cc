#include "estimate.h"

#include <cmath>
#include <numeric>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

// What is known of the n-grams of one order while the next one is worked out.
struct Below {
  std::vector<double> probabilities;
  std::vector<uint64_t> shorter;  // where the n-gram without its first word lies, an order below
};

float log10_of(double value) { return float(std::log10(value)); }  // of 0: -infinity

class Estimator {
 public:
  Estimator(const Trie& trie, const Smoothing& smoothing) : trie_(trie), smoothing_(smoothing) {}

  Estimate run(const Workers& workers) {
    Estimate estimate;
    empty_context();
    for (int n = 1;; n++) {
      std::vector<float> logs(trie_.size(n));
      for (size_t i = 0; i < logs.size(); i++) logs[i] = log10_of(below_.probabilities[i]);
      estimate.probabilities.push_back(array_of(logs));
      if (n == trie_.order()) return estimate;
      estimate.weights.push_back(array_of(next_order(n, workers)));
    }
  }

 private:
  // Words without a context.
  void empty_context() {
    const uint64_t size = trie_.vocabulary();
    std::vector<uint64_t> counts;
    for (uint64_t word = 0; word < size; word++)
      if (word != kBegin) counts.push_back(trie_.count(1, word));
    const double vocabulary = double(counts.size());
    const std::vector<double> uniform(counts.size(), 1 / vocabulary);
    std::vector<double> probabilities(counts.size());
    smoothing_.estimate({1, std::accumulate(counts.begin(), counts.end(), 0.0), vocabulary, counts, uniform},
                        probabilities);
    probabilities.insert(probabilities.begin() + kBegin, 0.0);
    below_ = {std::move(probabilities), std::vector<uint64_t>(size, 0)};
  }

  // From order n to n + 1: their probabilities, and the weights of order n.
  std::vector<float> next_order(int n, const Workers& workers) {
    const uint64_t contexts = trie_.size(n);
    std::vector<float> weights(contexts);
    Below next{std::vector<double>(trie_.size(n + 1)), std::vector<uint64_t>(trie_.size(n + 1))};
    constexpr uint64_t kPiece = 1 << 14;
    parallel((contexts + kPiece - 1) / kPiece, workers, [&](size_t piece) {
      std::vector<uint64_t> counts;
      std::vector<double> lower;
      for (uint64_t i = piece * kPiece; i < std::min(contexts, (piece + 1) * kPiece); i++) {
        const Range range = trie_.children(n, i);
        if (range.size() == 0) continue;  // all is unseen: weight 1
        counts.clear(), lower.clear();
        Range shorter = trie_.children(n - 1, below_.shorter[i]);
        for (uint64_t c = range.begin; c < range.end; c++) {
          const auto end = trie_.find(n, shorter, trie_.word(n + 1, c));
          if (!end) throw std::invalid_argument("the table lacks the end of one of its n-grams");
          shorter.begin = next.shorter[c] = *end;  // both ranges ascend
          counts.push_back(trie_.count(n + 1, c));
          lower.push_back(below_.probabilities[next.shorter[c]]);
        }
        const double total = std::accumulate(counts.begin(), counts.end(), 0.0);
        const double weight = smoothing_.estimate({n + 1, total, double(trie_.vocabulary() - 1), counts, lower},
                                                  std::span(next.probabilities).subspan(range.begin, range.size()));
        weights[i] = log10_of(weight);
      }
    });
    below_ = std::move(next);
    return weights;
  }

  const Trie& trie_;
  const Smoothing& smoothing_;
  Below below_;
};

}  // namespace

Estimate estimate(const Trie& trie, const Smoothing& smoothing, const Workers& workers) {
  return Estimator(trie, smoothing).run(workers);
}

}  // namespace fastlm::ngram
