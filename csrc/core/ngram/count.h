// From a corpus to the counts of its n-grams of every order.
#pragma once

#include <span>

#include "nodes.h"
#include "parallel.h"
#include "word.h"

namespace fastlm::ngram {

// corpus: sentences one behind the other, each kBegin, its words, kEnd; vocabulary: one more than the greatest word.
//
// Positions are sorted by the words that stand there; then one scan sees every n-gram of every order in its place in
// the trie, equal ones together. Positions are dealt into buckets by their first word, which are sorted in parallel.
NodeLevels count_ngrams(std::span<const Word> corpus, Word vocabulary, int order, const Workers& workers);

}  // namespace fastlm::ngram
