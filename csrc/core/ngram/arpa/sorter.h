// Sorts n-grams of one order with their values: in memory, or in sorted runs in a file that are merged.
#pragma once

#include <memory>

#include "memory.h"
#include "ngrams.h"

namespace fastlm::ngram::arpa {

class Sorter {
 public:
  struct Item {
    const Word* words;
    float probability, backoff;
    uint32_t line;  // where it was read, from the begin of its section; kMaxWord: further on
  };
  // Told of two items with the same words; the first one is kept.
  using Duplicate = std::function<void(const Item& first, const Item& second)>;

  virtual ~Sorter() = default;
  virtual void add(const Item& item) = 0;
  virtual Level finish() = 0;  // of what was added; the level stays when the sorter goes

  // expected: how many will come, or more; words are below `vocabulary`; memory: of which this one may take
  // share(sorters).
  static std::unique_ptr<Sorter> make(int order, uint64_t vocabulary, uint64_t expected, const Memory& memory,
                                      int sorters, const SortOptions& options, Duplicate duplicate = {});
};

}  // namespace fastlm::ngram::arpa
