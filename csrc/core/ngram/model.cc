#include "model.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fastlm::ngram {

float Model::uniform() const { return float(-std::log10(double(table_.trie.vocabulary() - 1))); }

Score Model::score(State& state, Word word) const {
  const Trie& trie = table_.trie;
  State next;
  next.at[0] = word;
  int order = 1;  // a longer n-gram can occur only if its ends do
  for (uint64_t at = word; order <= state.length; next.at[order++] = at) {
    const auto child = trie.child(order, state.at[order - 1], word);
    if (!child) break;
    at = *child;
  }
  Score score{probability(order, next.at[order - 1]), order};
  if (order <= state.history) switch (unseen_) {
      case Unseen::kShorter:
        for (int n = order; n <= state.length; n++) score.log10 += weight(n, state.at[n - 1]);
        break;
      case Unseen::kUniform:
        score.log10 =
            uniform() + (state.length == state.history ? weight(state.length, state.at[state.length - 1]) : 0);
        break;
      case Unseen::kNothing:
        score.log10 = -std::numeric_limits<float>::infinity();
    }
  next.history = std::min(state.history + 1, trie.order() - 1);
  next.length = std::min(order, trie.order() - 1);
  state = next;
  return score;
}

State Model::state_after(std::span<const Word> words) const {
  State state;
  const size_t useful = std::min<size_t>(words.size(), table_.order() - 1);
  for (Word word : words.last(useful)) score(state, word);
  return state;
}

void Model::distribution(const State& state, std::span<float> probabilities) const {
  const Trie& trie = table_.trie;
  const bool mixes = unseen_ == Unseen::kShorter, seen = state.length == state.history;
  int first = 1;  // context whose words are written over what stands there already
  if (mixes || state.history == 0) {
    for (uint64_t i = 0; i < trie.vocabulary(); i++) probabilities[i] = std::pow(10.0f, probability(1, i));
  } else {
    first = seen ? state.length : state.length + 1;
    const float log10 = uniform() + (seen ? weight(state.length, state.at[state.length - 1]) : 0);
    std::ranges::fill(probabilities, unseen_ == Unseen::kUniform ? std::pow(10.0f, log10) : 0.0f);
  }
  for (int n = first; n <= state.length; n++) {
    const uint64_t context = state.at[n - 1];
    if (mixes) {
      const float factor = std::pow(10.0f, weight(n, context));
      for (float& p : probabilities) p *= factor;
    }
    const Range range = trie.children(n, context);
    for (uint64_t c = range.begin; c < range.end; c++)
      probabilities[trie.word(n + 1, c)] = std::pow(10.0f, probability(n + 1, c));
  }
  probabilities[kBegin] = 0;
}

Model make_model(Table table, const std::string& smoothing, const Choices& choices, const Workers& workers) {
  const auto rule = make_smoothing(smoothing, table.trie, choices);
  Estimate arrays = estimate(table.trie, *rule, workers);
  return Model(std::move(table), smoothing, rule->unseen(), rule->parameters(), std::move(arrays));
}

}  // namespace fastlm::ngram
