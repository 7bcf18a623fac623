// What a text has in common with a corpus: for each of its words the longest n-gram that begins there and occurs.
//
// The matching statistics of Chang & Lawler, "Sublinear approximate string matching" (1994), by binary searches: a
// match never ends before that of the word before, so that what lies between two that end together needs no search.
#pragma once

#include "../parallel.h"
#include "index.h"

namespace fastlm::ngram::suffix {

// For each word of a text where the longest match that begins with it ends. A word that does not go on ends before
// itself.
std::vector<uint64_t> match_ends(const Index& index, std::span<const Word> text, const Workers& workers);

// Words [begin, end) of the text, which occur side by side; no longer match has them in it.
struct Span {
  uint64_t begin, end;
  uint64_t count, example;  // how often, and a position where they do
};

struct Contamination {
  std::vector<Span> spans;
  uint64_t covered = 0;  // words that lie in a span
  uint64_t longest = 0;  // words of the longest match, of any length
};

// The matches of at least min_words words.
Contamination find_contamination(const Index& index, std::span<const Word> text, uint64_t min_words,
                                 const Workers& workers);

}  // namespace fastlm::ngram::suffix
