// Sentences drawn from a model.
#pragma once

#include <cstdint>
#include <vector>

#include "model.h"

namespace fastlm::ngram {

struct Sampling {
  int64_t max_words = 100;
  double temperature = 1;  // of the distribution; 0: always the most probable word
  int64_t top_k = 0;       // among the k most probable words; 0: all
  uint64_t seed = 0;       // the same seed gives the same words
  uint32_t sentence = 0;   // of several with the same seed
};

// Words after `start`, with kEnd last if the sentence ended by itself. Never <unk>. Throws std::invalid_argument where
// the model has no distribution.
std::vector<Word> generate(const Model& model, std::span<const Word> start, const Sampling& sampling);

}  // namespace fastlm::ngram
