#include "generate.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "../philox.h"
#include "candidates.h"

namespace fastlm::ngram {
namespace {

// Random numbers of a seed and a sentence, in [0, 1).
class Random {
 public:
  Random(uint64_t seed, uint32_t sentence) : seed_(seed), sentence_(sentence) {}

  double next() {
    PhiloxWords<uint32_t> words[1] = {{{uint32_t(i_), uint32_t(i_ >> 32), sentence_, 0u}}};
    philox4x32(words, seed_);
    i_++;
    return std::ldexp(double((uint64_t(words[0].v[0]) << 32 | words[0].v[1]) >> 11), -53);
  }

 private:
  uint64_t seed_, i_ = 0;
  uint32_t sentence_;
};

// Makes weights of probabilities.
void sharpen(std::vector<float>& weights, double temperature) {
  const float greatest = *std::ranges::max_element(weights);
  for (float& weight : weights)
    weight = temperature > 0 ? float(std::pow(double(weight / greatest), 1 / temperature)) : weight == greatest;
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

// By a walk down the orders: a word that was seen after the longest context by what it has there by itself, or else one
// of the shorter context in the same way. Only of a model that interpolates, whose sum is 1. <unk> may come.
Word walk(const Model& model, const State& state, Random& random) {
  const Trie& trie = model.table().trie();
  for (int n = state.length; n >= 1; n--) {
    const auto& [node, range, weights] = state.at[n - 1];
    double left = random.next();
    for (uint64_t c = range.begin; c < range.end; c++)
      if ((left -= model.own(n + 1, weights.scale, trie.count(n + 1, c), c)) < 0) return trie.word(n + 1, c);
  }
  const std::vector<double>& sums = model.ranks().sums;
  const double share = random.next() * sums.back();
  return Word(std::ranges::upper_bound(sums, share) - sums.begin());
}

class Generator {
 public:
  Generator(const Model& model, const Sampling& sampling)
      : model_(model), sampling_(sampling), random_(sampling.seed, sampling.sentence) {}

  Word next(const State& state) {
    if (sampling_.top_k > 0 || sampling_.temperature == 0) return of_best(state);
    if (sampling_.temperature == 1 && model_.interpolates() && model_.unseen() == Unseen::kShorter)
      for (int tries = 0; tries < 64; tries++)
        if (const Word word = walk(model_, state, random_); word != kUnknown && word < model_.vocabulary().size())
          return word;
    return of_all(state);
  }

 private:
  Word of_best(const State& state) {
    const size_t k = sampling_.temperature == 0 ? 1 : sampling_.top_k;
    std::vector<Candidate> best = most_probable(model_, state, k + 1);  // <unk> may be among them
    std::erase_if(best, [](const Candidate& c) { return c.word == kUnknown; });
    best.resize(std::min(k, best.size()));
    weights_.clear();
    for (const Candidate& candidate : best) weights_.push_back(candidate.probability);
    require_some();
    if (sampling_.temperature != 1) sharpen(weights_, sampling_.temperature);
    return best[draw(weights_, random_.next())].word;
  }
  Word of_all(const State& state) {
    weights_.resize(model_.vocabulary().size());
    model_.distribution(state, weights_);
    weights_[kUnknown] = 0;
    require_some();
    if (sampling_.temperature != 1) sharpen(weights_, sampling_.temperature);
    return draw(weights_, random_.next());
  }
  void require_some() const {
    if (weights_.empty() || *std::ranges::max_element(weights_) <= 0)
      throw std::invalid_argument(
          "the model has no distribution after these words, which never occur in its text; shorten the prompt, or use "
          "a smoothing that backs off");
  }

  const Model& model_;
  Sampling sampling_;
  Random random_;
  std::vector<float> weights_;
};

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
  Generator generator(model, sampling);
  std::vector<Word> words;
  while (int64_t(words.size()) < sampling.max_words && (words.empty() || words.back() != kEnd)) {
    words.push_back(generator.next(state));
    model.score(state, words.back());
  }
  return words;
}

}  // namespace fastlm::ngram
