// From counts to the probabilities and weights of every n-gram, by a smoothing.
#pragma once

#include <vector>

#include "parallel.h"
#include "smoothing.h"

namespace fastlm::ngram {

struct Estimate {
  std::vector<Array> probabilities;  // float32 log10, for each order and n-gram
  std::vector<Array> weights;        // float32 log10, for each order but the last: of the unseen words after the n-gram
};

Estimate estimate(const Trie& trie, const Smoothing& smoothing, const Workers& workers);

}  // namespace fastlm::ngram
