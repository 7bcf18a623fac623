// Level 1: each word of the vocabulary in its order, as arrays in memory.
#pragma once

#include <vector>

#include "ngrams.h"

namespace fastlm::ngram::arpa {

Level unigrams_of(std::vector<float> probabilities, std::vector<float> backoffs);

}  // namespace fastlm::ngram::arpa
