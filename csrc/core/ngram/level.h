// A level of the packed trie: the n-grams of one order, a record of a few bits for each.
//
// A record holds the last word, the count, the number of what the n-gram is worth as a context (contexts.h), and where
// those begin that continue it. Rare large counts, and the high bits of where they begin, lie apart.
#pragma once

#include <algorithm>
#include <array>
#include <string>

#include "records.h"
#include "word.h"

namespace fastlm::ngram {

struct Range {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

// How the records of a level are made.
struct LevelShape {
  uint64_t size = 0, next = 0;  // n-grams here and in the next level
  uint64_t word_bits = 0, count_bits = 0, context_bits = 0, begin_bits = 0;
  uint64_t sampled = 0;  // whether every kSampleth word lies apart too, for searching long ranges

  static constexpr size_t kNumbers = 7;
  int bits() const { return record_bits(int(word_bits + count_bits + context_bits + begin_bits)); }
};

// How many counts of a level have so many bits, one added: what it costs to keep the larger ones apart.
class CountSizes {
 public:
  void add(uint64_t count) { sizes_[std::bit_width(count + 1)]++; }
  void add(const CountSizes& other);
  // Bits for the counts of a level, of which large ones take so many bits more each.
  int best_bits(int bits_apart) const;

 private:
  std::array<uint64_t, 66> sizes_{};
};

struct LevelNeeds {
  int n = 1;
  uint64_t size = 0, next = 0;
  Word vocabulary = 0;
  uint64_t contexts = 1;       // different ones; 1: nothing is kept of them
  uint64_t longest_range = 0;  // n-grams of this level that continue the same one
  CountSizes counts;
};

LevelShape choose_shape(const LevelNeeds& needs);

// Counts that do not fit into their records.
class LargeCounts {
 public:
  static constexpr int kBlock = 256;  // n-grams whose large counts are found by one number

  LargeCounts() = default;
  LargeCounts(Array at, Array counts, Array blocks)
      : at_(std::move(at)), counts_(std::move(counts)), blocks_(std::move(blocks)) {}
  uint64_t operator[](uint64_t i) const;
  bool valid(uint64_t level_size) const;
  const Array& at() const { return at_; }  // the n-grams that have one

 private:
  Array at_, counts_, blocks_;
};

class Level {
 public:
  static constexpr uint64_t kSample = 16;  // a word of so many lies apart

  struct Entry {
    uint64_t count, context;
    Range children;
  };

  Level() = default;
  Level(const LevelShape& shape, const Array& records, const Array& samples, const Array& turns, LargeCounts large);

  const LevelShape& shape() const { return shape_; }
  uint64_t size() const { return shape_.size; }

  Word word(uint64_t i) const { return first() ? Word(i) : Word(word_.of(records_[i])); }
  uint64_t count(uint64_t i) const { return count_of(records_[i], i); }
  uint64_t context(uint64_t i) const { return context_.of(records_[i]); }
  Range children(uint64_t i) const { return children_of(records_[i], i); }
  Entry entry(uint64_t i) const {
    const uint64_t record = records_[i];
    return {count_of(record, i), context_.of(record), children_of(record, i)};
  }

  // The first of a range, whose words ascend, that is not below a word.
  uint64_t lower_bound(Range range, Word word) const;

  // Asks for the memory that a search in a range will read first.
  void prefetch(Range range) const;

  // What is wrong with a level that came from a file, or nothing; whole: with every record too.
  std::string fault(bool last, bool whole) const;

 private:
  bool first() const { return word_.bits == 0; }
  uint64_t count_of(uint64_t record, uint64_t i) const {
    const uint64_t count = count_.of(record);
    return count == count_.mask() ? large_[i] : count;
  }
  Range children_of(uint64_t record, uint64_t i) const;

  LevelShape shape_;
  Field word_, count_, context_, begin_;
  Records records_;  // one more than n-grams: it says where the last one's children end
  Array samples_;    // words of n-gram 0, kSample, ...
  Array turns_;      // n-grams at which the high bits of `begin` grow by one
  LargeCounts large_;
};

// Writes a level, n-gram by n-gram.
class LevelWriter {
 public:
  LevelWriter(SectionSink& sink, int n, const LevelShape& shape);

  void add(Word word, uint64_t count, uint64_t context, uint64_t children);
  void finish();

 private:
  SectionSink& sink_;
  int n_;
  LevelShape shape_;
  RecordWriter records_;
  uint64_t i_ = 0, begin_ = 0;
  std::vector<Word> samples_;
  std::vector<uint64_t> turns_, large_at_, large_counts_, blocks_;
};

// Names of its sections, and a level of them. A missing one is an empty array.
std::string section_of(const char* what, int n);
Level level_of(const Sections& sections, int n);

}  // namespace fastlm::ngram
