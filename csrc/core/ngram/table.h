// The counts of the n-grams of a corpus, with its vocabulary.
#pragma once

#include <cstdint>

#include "trie.h"
#include "vocabulary.h"

namespace fastlm::ngram {

// What tables and models have beside their n-grams.
struct Corpus {
  int order;
  uint64_t tokens;  // words and ends of sentences
  uint64_t sentences;
  std::string tokenization = {};  // how its text became words, as the Python side wrote it; empty: at white space
};

void put_corpus(SectionSink& sink, const Corpus& corpus, const Vocabulary& vocabulary);

class Table {
 public:
  // Of sections that are good; check() says what is wrong with those of a file.
  explicit Table(Sections sections);

  const Sections& sections() const { return sections_; }
  const Corpus& corpus() const { return corpus_; }
  int order() const { return corpus_.order; }
  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Trie& trie() const { return trie_; }
  uint64_t distinct(int n) const;  // n-grams of order n that occur

  // What is wrong, or nothing. whole: everything, for which the sections are read once.
  std::optional<std::string> fault(bool whole) const;

 private:
  Sections sections_;
  Corpus corpus_;
  Vocabulary vocabulary_;
  Trie trie_;
};

void write_table(SectionSink& sink, const Corpus& corpus, const Vocabulary& vocabulary, const NodeLevels& levels);
Table make_table(const Corpus& corpus, const Vocabulary& vocabulary, const NodeLevels& levels);

}  // namespace fastlm::ngram
