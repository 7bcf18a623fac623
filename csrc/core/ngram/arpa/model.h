// ARPA files and models: one made of the other.
#pragma once

#include "../stored_model.h"
#include "ngrams.h"
#include "reader.h"

namespace fastlm::ngram::arpa {

// A model that keeps the probabilities of a file. A probability below the least number that a float holds well,
// 1e-37, becomes that.
ngram::Model model_of(const Model& read, int bits, Layout layout, const Workers& workers);

// The n-grams of a model with their probabilities and weights; the model must outlive them. Throws
// std::invalid_argument if it does not back off.
Levels levels_of(const ngram::Model& model, const Workers& workers);

}  // namespace fastlm::ngram::arpa
