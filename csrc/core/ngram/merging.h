// Several models as one: linear interpolation, worked out for every n-gram that one of them lists.
#pragma once

#include <memory>
#include <vector>

#include "stored_model.h"

namespace fastlm::ngram {

// The n-grams of all the models, with exactly the mixed probability; what none lists is backed off to, so that it has
// nearly that. Its words are those of all; one that a model does not know has no probability there, and stands as <unk>
// in contexts.
Model merge(const std::vector<std::shared_ptr<const Model>>& models, const std::vector<double>& weights,
            const Workers& workers = {});

}  // namespace fastlm::ngram
