// Where the words of long ranges of a level are: one look instead of the many of a search.
//
// Each range has a hash table of its own, with linear probing (Knuth, "The Art of Computer Programming" 3, 6.4), at a
// place that follows from the range's: so the tables are written one behind the other, and need no list. A slot holds
// the place of an n-gram in its range and a few bits of its word, which keep most of the others from being looked at.
#pragma once

#include <bit>
#include <span>
#include <vector>

#include "../prefetch.h"
#include "array.h"
#include "range.h"
#include "sections.h"
#include "word.h"

namespace fastlm::ngram {

class WordIndex {
 public:
  static constexpr uint64_t kShort = 8;  // words of a range that is searched instead: it lies in a cache line or two

  // place_bits: for the places of the longest range, counted from 1.
  WordIndex() = default;
  WordIndex(Array slots, int place_bits)
      : slots_(std::move(slots)), place_bits_(place_bits), place_mask_((uint64_t(1) << place_bits) - 1) {}

  bool holds(Range range) const { return place_bits_ != 0 && range.size() > kShort; }

  // Slots of the ranges before a place of the level.
  static uint64_t slots_before(uint64_t place) { return place + place / 2; }
  static int width(int place_bits) { return (place_bits + kLeastMarkBits + 7) / 8; }

  // The slot where the search for a word begins. Of a range that it holds.
  static uint64_t home(Range range, Word word) {
    const uint64_t begin = slots_before(range.begin), size = slots_before(range.end) - begin;
    return begin + (uint32_t(word * 0x9E3779B1u) * size >> 32);
  }
  void prefetch(uint64_t slot) const { fastlm::prefetch(slots_.data() + slot * slots_.width()); }

  // The next n-gram, from a slot on, that may end with the word, or range.end; the slot is then the one behind it.
  uint64_t next(Range range, Word word, uint64_t& slot) const {
    const uint64_t begin = slots_before(range.begin), end = slots_before(range.end), mark = this->mark(word);
    while (true) {
      const uint64_t value = slots_[slot];
      if (++slot == end) slot = begin;
      if (value == 0) return range.end;
      if ((value & ~place_mask_) == mark) return range.begin + (value & place_mask_) - 1;
    }
  }
  // The one that is_of(place) says it is, or range.end.
  template <class IsOf>
  uint64_t find(Range range, Word word, IsOf&& is_of) const {
    uint64_t slot = home(range, word), at = next(range, word, slot);
    while (at != range.end && !is_of(at)) at = next(range, word, slot);
    return at;
  }

  // Whether its array is good for a level; and whether a range's slots are, so that every access is safe.
  bool valid(uint64_t size) const;
  template <class WordOf>
  bool valid(Range range, WordOf&& word_of) const {
    uint64_t filled = 0;
    for (uint64_t s = slots_before(range.begin); s < slots_before(range.end); s++) {
      if ((slots_[s] & place_mask_) > range.size()) return false;
      filled += slots_[s] != 0;
    }
    if (filled != range.size()) return false;
    for (uint64_t i = range.begin; i < range.end; i++)
      if (find(range, word_of(i), [&](uint64_t at) { return at == i; }) != i) return false;
    return true;
  }

 private:
  friend class WordIndexWriter;
  static constexpr int kLeastMarkBits = 7, kMostPlaceBits = 33;

  // Bits above those of the place.
  uint64_t mark(Word word) const {
    const int bits = 8 * width(place_bits_) - place_bits_;
    return uint64_t(uint32_t(word * 0x85EBCA6Bu) >> (32 - bits)) << place_bits_;
  }

  Array slots_;
  int place_bits_ = 0;
  uint64_t place_mask_ = 0;
};

// Writes the tables of a level's ranges, one after the other, as a section.
class WordIndexWriter {
 public:
  WordIndexWriter(SectionSink& sink, const std::string& section, int place_bits) : sink_(sink), rule_({}, place_bits) {
    sink.begin(section, WordIndex::width(place_bits));
  }

  // The words of all n-grams that continue the same one.
  void add(std::span<const Word> words);

 private:
  SectionSink& sink_;
  WordIndex rule_;  // without slots
  uint64_t begin_ = 0;
  std::vector<uint64_t> slots_;
  std::vector<std::byte> bytes_;
};

}  // namespace fastlm::ngram
