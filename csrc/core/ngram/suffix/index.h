// A suffix index: how often an n-gram of any length occurs, where, and what comes next.
//
// Liu et al., "Infini-gram: Scaling Unbounded n-gram Language Models to a Trillion Tokens" (2024); Manber & Myers,
// "Suffix arrays: a new method for on-line string searches" (1993).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "../vocabulary.h"
#include "lines.h"

namespace fastlm::ngram::suffix {

inline constexpr Word kNoWord = kMaxWord;  // in a question: a word that the corpus does not have

// Positions that stand side by side in the order: those that begin with some n-gram.
struct Range {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

// Words side by side as they lie in the corpus.
struct Pattern {
  const std::byte* bytes;
  size_t words;
};

// A binary search in the order, a step at a time: for the first position behind all that is less than the pattern.
struct Search {
  Pattern pattern;
  uint64_t begin, end;  // the place is one of these, or between them
  size_t left, right;   // first words that the pattern has in common with what stands before begin, and at end
  bool behind = false;  // what begins with the pattern counts as less, too
  uint64_t stride = 0;  // not 0: near the begin, so its distance is doubled first
  uint64_t middle = 0, position = 0;
};

struct LongestMatch {
  uint64_t words;
  Range range;
};

struct Followers {
  std::vector<Word> words;  // ascending
  std::vector<uint64_t> counts;
};

struct FoundDocument {
  uint64_t document, count, first;  // first: the position of the first occurrence
};

class Index {
 public:
  struct Arrays {
    Array tokens;     // documents one behind the other, each its words, then kEnd
    Array positions;  // of all tokens, sorted by what stands there to the end of its document
    Array firsts;     // [vocabulary + 1] where the positions of each first word begin
    Array documents;  // [documents + 1] the token that a document begins with
  };

  Index(Vocabulary vocabulary, Arrays arrays, Lines lines)
      : vocabulary_(std::move(vocabulary)), arrays_(std::move(arrays)), lines_(std::move(lines)) {}

  const Vocabulary& vocabulary() const { return vocabulary_; }
  const Arrays& arrays() const { return arrays_; }
  const Lines& lines() const { return lines_; }
  // How the texts became words, in the words of who has made the index.
  const std::string& tokenization() const { return tokenization_; }
  void set_tokenization(std::string tokenization) { tokenization_ = std::move(tokenization); }
  uint64_t tokens() const { return arrays_.tokens.size(); }
  uint64_t documents() const { return arrays_.documents.size() - 1; }
  Word id(std::string_view word) const;  // kNoWord if the corpus does not have it
  Word word(uint64_t position) const { return Word(arrays_.tokens[position]); }
  uint64_t position(uint64_t i) const { return arrays_.positions[i]; }
  Range all() const { return {0, tokens()}; }
  Range document(uint64_t i) const { return {arrays_.documents[i], arrays_.documents[i + 1]}; }
  uint64_t document_of(uint64_t position) const { return first_above(arrays_.documents, position) - 1; }

  // The positions where a word stands.
  Range bucket(Word word) const {
    return word < vocabulary_.size() ? Range{arrays_.firsts[word], arrays_.firsts[word + 1]} : Range{};
  }
  // Whether it can stand in the middle of an n-gram.
  bool goes_on(Word word) const { return word != kEnd && bucket(word).size() > 0; }

  // The positions where an n-gram stands; none is an n-gram that stands everywhere.
  Range find(std::span<const Word> ngram) const;
  std::vector<Range> find_all(std::span<const std::vector<Word>> ngrams) const;

  // The most last words of a context that occur side by side.
  LongestMatch longest_match(std::span<const Word> context) const;

  // The words behind an n-gram that goes on, with their counts. In time proportional to how many they are.
  Followers followers(Range range, size_t words) const;

  // The first ones, ascending. 0: all.
  std::vector<uint64_t> occurrences(Range range, uint64_t limit) const;
  std::vector<FoundDocument> found_documents(Range range) const;

  // For patterns of words that go on; kEnd may be the last.
  std::vector<std::byte> pattern(std::span<const Word> words) const;
  Range find(Pattern pattern) const;
  void find(std::span<const Pattern> patterns, Range* ranges) const;

  // The first words of each pattern that occur, as many as do. At least one word each.
  void common_words(std::span<const Pattern> patterns, uint64_t* words) const;

  // What is wrong with arrays that came from a file, or nothing. Only the whole check makes every access safe.
  std::optional<std::string> fault(bool whole) const;

 private:
  Word word(Pattern pattern, size_t n) const;
  Search search(Pattern pattern) const;
  void run(std::span<Search> searches) const;
  void decide(Search& search) const;
  std::optional<std::string> order_fault() const;

  Vocabulary vocabulary_;
  Arrays arrays_;
  Lines lines_;
  std::string tokenization_;
};

}  // namespace fastlm::ngram::suffix
