#include "generate.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "../philox.h"

namespace fastlm::ngram {
namespace {

// Random number i of a seed, in [0, 1).
double uniform(uint64_t seed, uint64_t i) {
  PhiloxWords<uint32_t> words[1] = {{{uint32_t(i), uint32_t(i >> 32), 0u, 0u}}};
  philox4x32(words, seed);
  return std::ldexp(double((uint64_t(words[0].v[0]) << 32 | words[0].v[1]) >> 11), -53);
}

// Makes weights of probabilities.
void sharpen(std::vector<float>& weights, double temperature) {
  const float greatest = *std::ranges::max_element(weights);
  for (float& weight : weights)
    weight = temperature > 0 ? float(std::pow(double(weight / greatest), 1 / temperature)) : weight == greatest;
}

void keep_best(std::vector<float>& weights, size_t k) {
  if (k == 0 || k >= weights.size()) return;
  std::vector<float> sorted = weights;
  std::ranges::nth_element(sorted, sorted.begin() + k - 1, std::greater());
  const float least = sorted[k - 1];
  size_t above = std::ranges::count_if(weights, [&](float w) { return w > least; });
  for (float& weight : weights)
    if (weight < least || (weight == least && above++ >= k)) weight = 0;
}

Word draw(const std::vector<float>& weights, double share) {
  double total = 0;
  for (float weight : weights) total += weight;
  double left = share * total;
  Word last = 0;
  for (Word word = 0; word < weights.size(); word++) {
    if (weights[word] <= 0) continue;
    last = word;
    if ((left -= weights[word]) < 0) break;
  }
  return last;
}

}  // namespace

std::vector<Word> generate(const Model& model, std::span<const Word> start, const Sampling& sampling) {
  const auto require = [](bool good, const char* expected, auto got) {
    if (!good) throw std::invalid_argument(std::string(expected) + ", got " + std::to_string(got));
  };
  require(sampling.max_words >= 0, "max_words must not be negative", sampling.max_words);
  require(sampling.temperature >= 0 && std::isfinite(sampling.temperature), "temperature must be 0 or more",
          sampling.temperature);
  require(sampling.top_k >= 0, "top_k must not be negative", sampling.top_k);
  State state = model.state_after(start);
  std::vector<float> weights(model.vocabulary().size());
  std::vector<Word> words;
  while (int64_t(words.size()) < sampling.max_words && (words.empty() || words.back() != kEnd)) {
    model.distribution(state, weights);
    weights[kUnknown] = 0;
    if (*std::ranges::max_element(weights) <= 0)
      throw std::invalid_argument(
          "the model has no distribution after these words, which never occur in its text; shorten the prompt, or use "
          "a "
          "smoothing that backs off");
    if (sampling.top_k > 0) keep_best(weights, sampling.top_k);
    if (sampling.temperature != 1) sharpen(weights, sampling.temperature);
    words.push_back(draw(weights, uniform(sampling.seed, words.size())));
    model.score(state, words.back());
  }
  return words;
}

}  // namespace fastlm::ngram
