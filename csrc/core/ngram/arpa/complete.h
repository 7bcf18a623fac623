// Models that lack n-grams which others need, as SRILM's pruning leaves them, made complete.
#pragma once

#include "sorter.h"

namespace fastlm::ngram::arpa {

// Inserts the missing first and last n - 1 words of n-grams, with the probability that backing off gives them and no
// backoff of their own, so that no word's probability changes (as KenLM does). Level 1 is complete.
// inserted[n - 1]: how many of order n there were.
Levels complete(Levels levels, uint64_t vocabulary, const Memory& memory, const SortOptions& options,
                std::vector<uint64_t>& inserted);

}  // namespace fastlm::ngram::arpa
