// A trie with probabilities: what a word is worth after others.
//
// It keeps counts, of which the probabilities are worked out by the rule of smoothing.h, or, if it came from elsewhere,
// the probabilities themselves. P(word) is always kept.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "contexts.h"
#include "estimate.h"
#include "table.h"

namespace fastlm::ngram {

// The words before, as far as they matter: their ends of 1, 2, ... words, as long as these occur.
//
// Where the longer ends that occur, but that nothing follows, do not matter, they are left out.
struct State {
  struct Context {
    uint64_t node = 0;  // in its level of the trie
    Range children;     // what follows it, in the next level
    StoredWeights weights{};
  };

  State() {}  // at: of as many as there are
  State(const State& other) { *this = other; }
  State& operator=(const State& other) {
    history = other.history, length = other.length;
    std::copy_n(other.at, length, at);
    return *this;
  }

  int history = 0;  // words before, order - 1 at most; if it does not matter how many there were, `length`
  int length = 0;   // of the longest end that matters
  union {
    Context at[kMaxOrder];
  };

  // Whether the same words have the same probabilities after both.
  bool operator==(const State& other) const {
    return history == other.history && length == other.length &&
           (length == 0 || at[length - 1].node == other.at[length - 1].node);
  }
  size_t hash() const {
    const uint64_t node = length ? at[length - 1].node : 0;
    return (node * 0x9E3779B97F4A7C15 + uint64_t(history) * kMaxOrder + length) * 0xC2B2AE3D27D4EB4F >> 3;
  }
};

struct Score {
  float log10;
  int order;  // of the longest n-gram that occurs and ends here
};

class Model {
 public:
  // Of sections that are good; fault() says what is wrong with those of a file.
  explicit Model(Sections sections);
  static bool owns(std::string_view section);  // whether a section is a model's, not its table's

  const Table& table() const { return table_; }  // with the counts that the smoothing uses
  int order() const { return table_.order(); }
  const Vocabulary& vocabulary() const { return table_.vocabulary(); }
  const std::string& smoothing() const { return smoothing_; }
  const Parameters& parameters() const { return parameters_; }
  Unseen unseen() const { return unseen_; }
  bool adjusted() const { return adjusted_; }  // whether the counts are Kneser & Ney's
  std::optional<std::string> fault(bool whole) const;

  // The word after a state, and the state after both.
  Score score(const State& before, Word word, State& after) const;
  Score score(State& state, Word word) const {
    const State before = state;
    return score(before, word, state);
  }
  State state_after(std::span<const Word> words) const;

  // Asks for the memory that the next word will need.
  void prefetch(const State& state) const;

  // P(word | state) of every word into [vocabulary]; <s> has 0. All 0 where there is no distribution.
  void distribution(const State& state, std::span<float> probabilities) const;

  // For a walk over all n-grams: what one is worth as a context; P of another one, given that context and P without its
  // first word.
  StoredWeights weights(int n, uint64_t node) const {
    const Level::Entry entry = table_.trie().level(n).entry_without_count(node);
    return weights(n, entry.context, entry.children);
  }
  float probability(int n, uint64_t node, const StoredWeights& context, float shorter) const {
    return own(n, context.scale, table_.trie().count(n, node), node) + (interpolates_ ? context.unseen * shorter : 0);
  }

  float uniform() const { return 1.0f / float(vocabulary().size() - 1); }

  // The parts of which a probability is made, for those who look up the n-grams themselves.
  float unigram(Word word) const { return unigrams_.as<float>(word); }
  bool interpolates() const { return interpolates_; }
  // Words by falling P(word), and the sum of P(word) up to each: worked out when they are first asked for.
  struct Ranks {
    std::once_flag once;
    std::vector<Word> words;
    std::vector<double> sums;
  };
  const Ranks& ranks() const;
  float absent() const { return absent_; }
  // Of a context of n words: its number and its children, as Level::Entry has them.
  StoredWeights weights(int n, uint64_t context, const Range& children) const {
    if (context == Level::kImplied) return implied_weights(n, children);
    StoredWeights weights;
    std::memcpy(&weights, orders_[n - 1].contexts.data() + context * sizeof weights, sizeof weights);
    return weights;
  }
  // What an n-gram has by itself, after a context of this scale.
  float own(int n, float scale, uint64_t count, uint64_t node) const {
    const Order& order = orders_[n - 1];
    if (keeps_probabilities_) return order.values.width() == 4 ? order.values.as<float>(node) : decoded(order, node);
    const float discount = scale < 0 ? 0 : order.discounts[class_of(count)];
    return std::max(0.0f, float(count) - discount) * std::abs(scale);
  }

 private:
  // The n-grams that end with a word: nodes[n - 1] for each order up to the one returned.
  int find_ends(const State& before, Word word, uint64_t* nodes) const;

  struct Order {
    std::array<double, kClasses> exact{};     // what is taken off a count, by its class
    std::array<float, kClasses> discounts{};  // the same
    Array contexts;                           // pairs of floats
    Array values;  // of a model that keeps probabilities: one for each n-gram, or its place in `codebook`
    Array codebook;
  };

  static float decoded(const Order& order, uint64_t node) { return order.codebook.as<float>(order.values[node]); }
  StoredWeights implied_weights(int n, const Range& children) const;

  Table table_;
  std::string smoothing_;
  Unseen unseen_;
  bool interpolates_, adjusted_, keeps_probabilities_;
  float absent_;
  bool forgets_;  // whether a context that nothing follows is as good as the shorter one
  Parameters parameters_;
  std::vector<Order> orders_;
  Array unigrams_;
  std::shared_ptr<Ranks> ranks_;
};

// Of a table, by a smoothing.
Model make_model(const Table& table, const Estimation& estimation, const Workers& workers = {});

}  // namespace fastlm::ngram
