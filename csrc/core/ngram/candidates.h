// The most probable next words, from those that were seen after a context and the most frequent others.
#pragma once

#include <vector>

#include "model.h"

namespace fastlm::ngram {

struct Candidate {
  Word word;
  float probability;
};

// The k most probable words after a state, the most probable first, equal ones by their numbers; fewer where fewer have
// a probability. These are the numbers of Model::distribution, found without a look at the whole vocabulary.
std::vector<Candidate> most_probable(const Model& model, const State& state, size_t k);

}  // namespace fastlm::ngram
