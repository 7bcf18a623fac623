// A table with probabilities: what a word is worth after others.
#pragma once

#include <array>
#include <span>
#include <string>
#include <vector>

#include "estimate.h"
#include "table.h"

namespace fastlm::ngram {

// The words before, as far as they matter: places in the trie of their ends of 1, 2, ... words, as long as these occur.
struct State {
  int history = 0;  // words before, order - 1 at most
  int length = 0;   // of the longest end that occurs
  std::array<uint64_t, kMaxOrder> at;
};

struct Score {
  float log10;
  int order;  // of the longest n-gram that occurs and ends here
};

class Model {
 public:
  Model(Table table, std::string smoothing, Unseen unseen, Parameters parameters, Estimate estimate)
      : table_(std::move(table)),
        smoothing_(std::move(smoothing)),
        unseen_(unseen),
        parameters_(std::move(parameters)),
        estimate_(std::move(estimate)) {}

  const Table& table() const { return table_; }
  const std::string& smoothing() const { return smoothing_; }
  Unseen unseen() const { return unseen_; }
  const Parameters& parameters() const { return parameters_; }
  const Estimate& arrays() const { return estimate_; }

  // The word, after a state, which becomes that after the word.
  Score score(State& state, Word word) const;
  State state_after(std::span<const Word> words) const;

  // P(word | state) of every word into [vocabulary]; <s> has 0. All 0 where there is no distribution.
  void distribution(const State& state, std::span<float> probabilities) const;

 private:
  float probability(int n, uint64_t i) const { return estimate_.probabilities[n - 1].as<float>(i); }
  float weight(int n, uint64_t i) const { return estimate_.weights[n - 1].as<float>(i); }
  float uniform() const;  // log10

  Table table_;
  std::string smoothing_;
  Unseen unseen_;
  Parameters parameters_;
  Estimate estimate_;
};

// By the name of a smoothing and what a user has set of it.
Model make_model(Table table, const std::string& smoothing, const Choices& choices, const Workers& workers = {});

}  // namespace fastlm::ngram
