#include "candidates.h"

#include <algorithm>

namespace fastlm::ngram {
namespace {

bool comes_before(const Candidate& a, const Candidate& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.word < b.word;
}

// The words that were seen after a state, by their numbers, with what they are worth.
std::vector<Candidate> seen_words(const Model& model, const State& state, int first) {
  const Trie& trie = model.table().trie();
  const bool mixes = model.unseen() == Unseen::kShorter;
  std::vector<Candidate> words;
  for (int n = first; n <= state.length; n++) {
    const auto& [node, range, weights] = state.at[n - 1];
    if (n == first)
      for (uint64_t c = range.begin; c < range.end; c++) {
        const Word word = trie.word(n + 1, c);
        words.push_back({word, mixes ? model.unigram(word) : 0});
      }
    if (mixes)
      for (Candidate& word : words) word.probability *= weights.unseen;
    auto at = words.begin();  // what was seen after a context was seen after its ends too
    for (uint64_t c = range.begin; c < range.end; c++) {
      const Word word = trie.word(n + 1, c);
      while (at != words.end() && at->word < word) at++;
      if (at == words.end()) break;
      at->probability =
          model.own(n + 1, weights.scale, trie.count(n + 1, c), c) + (model.interpolates() ? at->probability : 0);
    }
  }
  return words;
}

}  // namespace

std::vector<Candidate> most_probable(const Model& model, const State& state, size_t k) {
  const bool mixes = model.unseen() == Unseen::kShorter, known = state.length == state.history;
  const bool by_rank = mixes || state.history == 0;  // the order of the words that were not seen
  const int first = by_rank ? 1 : known ? state.length : state.length + 1;
  std::vector<Candidate> words = seen_words(model, state, first);
  const auto was_seen = [&, seen = words.size()](Word word) {
    return std::ranges::binary_search(words.begin(), words.begin() + seen, word, {}, &Candidate::word);
  };
  const auto after_absent = [&](float p) {
    for (int n = state.length; mixes && model.absent() != 1 && n < state.history; n++) p *= model.absent();
    return p;
  };
  const size_t vocabulary = model.vocabulary().size();
  if (by_rank) {
    const auto& ranks = model.ranks().words;
    for (Candidate& word : words) word.probability = after_absent(word.probability);
    size_t taken = 0;
    float last = 0;
    for (Word word : ranks) {
      if (word == kBegin || was_seen(word)) continue;
      float p = model.unigram(word);
      for (int n = 1; n <= state.length && mixes; n++) p *= state.at[n - 1].weights.unseen;
      p = after_absent(p);
      if (p == 0 || (taken >= k && p < last)) break;  // equal ones may have lower numbers
      words.push_back({word, last = p}), taken++;
    }
  } else if (model.unseen() == Unseen::kUniform) {
    const float p = model.uniform() * (known ? state.at[state.length - 1].weights.unseen : 1);
    size_t taken = 0;
    for (Word word = 0; word < vocabulary && taken < k && p > 0; word++)
      if (word != kBegin && !was_seen(word)) words.push_back({word, p}), taken++;
  }
  std::erase_if(words, [](const Candidate& c) { return c.word == kBegin || !(c.probability > 0); });
  k = std::min(k, words.size());
  std::ranges::partial_sort(words, words.begin() + k, comes_before);
  words.resize(k);
  return words;
}

}  // namespace fastlm::ngram
