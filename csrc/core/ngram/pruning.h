// Entropy pruning: n-grams go without which the model hardly foretells worse.
#pragma once

#include "stored_model.h"

namespace fastlm::ngram {

// Without the n-grams of which each alone would raise the model's perplexity, on text of its own, by less than a part
// of it. Begins and ends of those that stay, stay.
Model prune(const Model& model, double threshold, const Workers& workers = {});

}  // namespace fastlm::ngram
