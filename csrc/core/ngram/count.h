// From a corpus to the counts of its n-grams of every order.
#pragma once

#include <functional>
#include <string>

#include "nodes.h"
#include "parallel.h"
#include "tokens.h"

namespace fastlm::ngram {

struct CountJob {
  Word vocabulary;  // one more than the greatest word
  int order;
  bool adjusted = false;  // Kneser & Ney's counts too
  uint64_t memory = 0;    // bytes for all that counting needs beside the tokens that are in memory; 0: any
  std::string temp_dir = {};
  uint64_t most_places = 0;               // of a batch, less than the memory allows; 0: what it allows
  std::function<void(double)> done = {};  // called now and then, as Workers::poll, with the share of the work
};

// Positions are sorted by the words that stand there; then one scan sees every n-gram of every order in its place in
// the trie, equal ones together. Positions are dealt into buckets by their first word, which are sorted in parallel.
//
// If there is not the memory for all positions, the corpus is read several times, each time for the n-grams of some
// neighbouring words (ranges.h). The tokens are gone afterwards. disk: bytes that were set aside in temporary files.
NodeLevels count_ngrams(Tokens& tokens, const CountJob& job, const Workers& workers, uint64_t* disk = nullptr);

}  // namespace fastlm::ngram
