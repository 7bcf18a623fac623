// A level of the packed trie: the n-grams of one order, a record of a few bits for each.
//
// A record holds the last word, the count, the number of what the n-gram is worth as a context (contexts.h), and where
// those begin that continue it. Rare large counts, and the high bits of where they begin, lie apart.
//
// A compact level has less in its records: the high bits of where those begin that continue each are written in unary
// (high_bits.h), and contexts of few words have no number, as their counts give what it would name.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "../prefetch.h"
#include "high_bits.h"
#include "range.h"
#include "ranked.h"
#include "records.h"
#include "sparse.h"
#include "word.h"
#include "word_index.h"

namespace fastlm::ngram {

enum class Layout { kFast, kCompact };

// How the records of a level are made.
struct LevelShape {
  uint64_t size = 0, next = 0;  // n-grams here and in the next level
  uint64_t word_bits = 0, count_bits = 0, context_bits = 0, begin_bits = 0;
  uint64_t sampled = 0;  // whether every kSampleth word lies apart too, for searching long ranges
  uint64_t unary = 0;    // whether the high bits of where children begin are in unary
  uint64_t implied = 0;  // whether only contexts of many words have a number
  uint64_t indexed = 0;  // bits of a place in the index of the words of long ranges; 0: there is none

  static constexpr size_t kNumbers = 10;
  int bits() const { return record_bits(int(word_bits + count_bits + context_bits + begin_bits)); }
};

// How many counts of a level have so many bits, one added: what it costs to keep the larger ones apart.
class CountSizes {
 public:
  void add(uint64_t count) { sizes_[std::bit_width(count + 1)]++; }
  void add(const CountSizes& other);
  // Bits for the counts of a level, of which large ones take so many bits more each.
  int best_bits(int bits_apart) const;
  int most_bits() const;  // for all of them

 private:
  std::array<uint64_t, 66> sizes_{};
};

// How many n-grams continue the same one.
struct RangeSizes {
  uint64_t longest = 0, in_long = 0;  // in_long: n-grams in those that an index would hold

  void add(uint64_t size) {
    longest = std::max(longest, size);
    if (size > WordIndex::kShort) in_long += size;
  }
};

struct LevelNeeds {
  int n = 1;
  uint64_t size = 0, next = 0, above = 0;  // n-grams of the level, the next and the one above
  Word vocabulary = 0;
  uint64_t contexts = 1;  // different ones; 1: nothing is kept of them
  RangeSizes ranges;      // of n-grams of this level that continue the same one
  CountSizes counts;
  Layout layout = Layout::kFast;
  bool implies_contexts = false;  // whether their counts give what contexts are worth
  bool indexed = false;           // whether it is often asked for single words: then an index may be worth its memory
};

LevelShape choose_shape(const LevelNeeds& needs);

class Level {
 public:
  static constexpr uint64_t kSample = 16;      // a word of so many lies apart
  static constexpr uint64_t kMostImplied = 8;  // words of a context whose counts say what it is worth
  static constexpr uint64_t kImplied = ~uint64_t(0);

  struct Entry {
    uint64_t count, context;  // kImplied: of its children's counts
    Range children;
  };

  Level() = default;
  Level(const Sections& sections, int n);

  const LevelShape& shape() const { return shape_; }
  const WordIndex& index() const { return index_; }
  uint64_t size() const { return shape_.size; }

  Word word(uint64_t i) const { return first() ? Word(i) : Word(word_.of(records_[i])); }
  uint64_t count(uint64_t i) const { return count_of(records_[i], i); }
  uint64_t context(uint64_t i) const { return context(i, children(i)); }
  uint64_t context(uint64_t i, const Range& children) const { return context_of(records_[i], children); }
  Range children(uint64_t i) const { return children_of(records_[i], i); }
  Entry entry(uint64_t i) const {
    const uint64_t record = records_[i];
    const Range children = children_of(record, i);
    return {count_of(record, i), context_of(record, children), children};
  }

  Entry entry_without_count(uint64_t i) const {
    const uint64_t record = records_[i];
    const Range children = children_of(record, i);
    return {0, context_of(record, children), children};
  }

  // The first of a range, whose words ascend, that is not below a word.
  uint64_t lower_bound(Range range, Word word) const;

  // The last of a range that is not above a word, or its first: where the word is, if it is there. For many words at
  // once the two steps are apart, so that the memory of one can be on its way during the other: narrowed() to a few
  // places, as words apart tell, and last_of() them. Of no empty range.
  uint64_t last_not_above(Range range, Word word) const { return last_of(narrowed(possible(range, word), word), word); }
  // Words ascend from 0 on: before a word stand no more than have lower numbers.
  static Range possible(Range range, Word word) {
    return {range.begin, std::min<uint64_t>(range.end, range.begin + word + 1)};
  }
  Range narrowed(Range range, Word word) const {
    if (!narrows(range)) return range;
    uint64_t at = range.begin / kSample;  // words apart of which the first is held to be below
    for (uint64_t left = (range.end - 1) / kSample - at + 1; left > 1;) {
      const uint64_t half = left / 2;
      at += sample(at + half) <= word ? half : 0;
      left -= half;
    }
    return {std::max(range.begin, at * kSample), std::min(range.end, (at + 1) * kSample)};
  }
  bool narrows(Range range) const { return shape_.sampled && range.size() > kSample; }
  uint64_t last_of(Range range, Word word) const {
    uint64_t at = range.begin;
    for (uint64_t left = range.size(); left > 1;) {
      const uint64_t half = left / 2;
      at += word_of(at + half) <= word ? half : 0;
      left -= half;
    }
    return at;
  }
  Word sample(uint64_t k) const { return samples_.as<Word>(k); }                // word of n-gram k * kSample
  Word word_of(uint64_t i) const { return Word(records_.at(i) & word_mask_); }  // of a level but the first

  // Asks for the memory that a search in a range will read first, and that entry() will; not for one by the index.
  void prefetch(Range range) const {
    if (range.size() == 0 || index_.holds(range)) return;
    if (narrows(range))
      return fastlm::prefetch(samples_.data() + (range.begin + range.end) / (2 * kSample) * sizeof(Word));
    prefetch_records(range.begin, range.end);
  }
  void prefetch_records(uint64_t begin, uint64_t end) const { records_.prefetch(begin), records_.prefetch(end - 1); }
  // Of a compact level, in two steps: what children() will need besides the record.
  void prefetch_sample(uint64_t i) const { high_.prefetch_sample(i); }
  void prefetch_children(uint64_t i) const { high_.prefetch(i); }

  // The numbers of wide contexts, if others have none.
  const RankedNumbers* wide() const { return shape_.implied ? &wide_ : nullptr; }
  static bool is_wide(const Range& children) { return children.size() > kMostImplied; }
  static uint64_t wide_place(const Range& children) { return children.begin / kMostImplied; }  // no two have the same

  // What is wrong with a level that came from a file, or nothing; whole: with every record too.
  std::string fault(bool last, bool whole) const;

 private:
  bool first() const { return word_.bits == 0; }
  uint64_t count_of(uint64_t record, uint64_t i) const {
    const uint64_t count = count_.of(record);
    return count == count_.mask() ? large_[i] : count;
  }
  uint64_t context_of(uint64_t record, const Range& children) const {
    if (!shape_.implied) return context_.of(record);
    return is_wide(children) ? wide_[wide_.at(wide_place(children))] : children.size() ? kImplied : 0;
  }
  Range children_of(uint64_t record, uint64_t i) const {
    if (shape_.unary) {
      const auto [begin, end] = high_.two(i);
      return {begin << begin_.bits | begin_.of(record), end << begin_.bits | begin_.of(records_[i + 1])};
    }
    if (begin_.bits == 0) return {0, 0};
    uint64_t high = passed_[i >> turn_shift_];
    while (turns_[high] <= i) high++;
    const uint64_t begin = high << begin_.bits | begin_.of(record);
    while (turns_[high] == i + 1) high++;
    return {begin, high << begin_.bits | begin_.of(records_[i + 1])};
  }
  void index_turns(const Array& turns);
  std::string fault_of_records() const;

  LevelShape shape_;
  Field word_, count_, context_, begin_;
  Records records_;  // one more than n-grams: it says where the last one's children end
  Array samples_;    // words of n-gram 0, kSample, ...
  uint64_t word_mask_ = 0;
  std::vector<uint64_t> turns_;   // n-grams at which the high bits of `begin` grow by one, and one that never comes
  std::vector<uint32_t> passed_;  // turns at or before the first n-gram of each block of 2^turn_shift_
  int turn_shift_ = 0;
  WordIndex index_;
  SparseNumbers large_;  // counts that do not fit into their records
  RankedNumbers wide_;
  HighBits high_;
};

// Writes a level, n-gram by n-gram.
class LevelWriter {
 public:
  LevelWriter(SectionSink& sink, int n, const LevelShape& shape);

  void add(Word word, uint64_t count, uint64_t context, uint64_t children);
  void finish();

 private:
  void put(Word word, uint64_t count, uint64_t context);

  SectionSink& sink_;
  int n_;
  LevelShape shape_;
  RecordWriter records_;
  uint64_t i_ = 0, begin_ = 0;
  std::vector<Word> samples_;
  std::vector<uint64_t> turns_;
  SparseWriter large_;
  RankedWriter wide_;
  HighBitsWriter high_;
};

}  // namespace fastlm::ngram
