// The positions of a corpus in the order of what stands there, read to the end of its document.
//
// Larsson & Sadakane, "Faster suffix sorting" (2007), for what is left after a sort by the first words.
#pragma once

#include <span>

#include "../array.h"
#include "../parallel.h"
#include "../word.h"

namespace fastlm::ngram::suffix {

struct Order {
  Array positions;  // every position of the corpus, sorted; equal texts as they come
  Array firsts;     // [vocabulary + 1] where the positions of each first word begin
};

// corpus: documents one behind the other, each its words, then kEnd; vocabulary: one more than the greatest word.
//
// Positions are dealt into buckets by their first word. Buckets are sorted in parallel by the next words, as many at a
// time as fit into a number. Positions that agree in kSortedWords words stand in repeated text, such as a document that
// comes twice; they are sorted by the rank of what follows, which doubles the words they are sorted by: n log n,
// whatever the corpus. The order does not depend on the number of threads.
Order sort_suffixes(std::span<const Word> corpus, Word vocabulary, const Workers& workers);

// Words that positions agree in, at least, when they are sorted by ranks.
inline constexpr int kSortedWords = 12;

}  // namespace fastlm::ngram::suffix
