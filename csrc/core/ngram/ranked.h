// Numbers that only some of many places have: a bit for each place, and how many numbers are those of places before.
//
// Jacobson (1989), "Space-efficient static trees and graphs": rank, here by blocks of one word.
#pragma once

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "../prefetch.h"
#include "sections.h"

namespace fastlm::ngram {

class RankedNumbers {
 public:
  RankedNumbers() = default;
  RankedNumbers(const Sections& sections, const std::string& name, int n);

  // The number of a place that has one is at(place) of all: the two steps are apart, so that the memory of one can be
  // on its way during the other.
  uint64_t at(uint64_t place) const {
    const Block block = this->block(place / kBlock);
    return block.before + std::popcount(block.places & ((uint64_t(1) << place % kBlock) - 1));
  }
  uint64_t operator[](uint64_t at) const { return numbers_[at]; }
  void prefetch_at(uint64_t place) const { fastlm::prefetch(blocks_.data() + place / kBlock * kBytes); }
  void prefetch(uint64_t at) const { fastlm::prefetch(numbers_.data() + at * numbers_.width()); }

  bool has(uint64_t place) const { return block(place / kBlock).places >> place % kBlock & 1; }
  uint64_t size() const { return numbers_.size(); }
  // Whether the arrays are good for so many places; not whole: at a glance.
  bool valid(uint64_t places, bool whole) const;

 private:
  friend class RankedWriter;
  static constexpr uint64_t kBlock = 64;  // places
  struct Block {
    uint64_t places = 0;
    uint32_t before = 0;
  };
  static constexpr uint64_t kBytes = sizeof(uint64_t) + sizeof(uint32_t);  // of a block in the file

  Block block(uint64_t i) const {
    Block block;
    const std::byte* const bytes = blocks_.data() + i * kBytes;
    std::memcpy(&block.places, bytes, sizeof block.places);
    std::memcpy(&block.before, bytes + sizeof block.places, sizeof block.before);
    return block;
  }

  Array blocks_, numbers_;
};

class RankedWriter {
 public:
  // Of ascending places.
  void add(uint64_t place, uint64_t number);
  void finish(SectionSink& sink, const std::string& name, int n, uint64_t places);

 private:
  void start(uint64_t block);

  std::vector<std::byte> blocks_;
  uint64_t places_ = 0;  // of the last block, which is not among them yet
  std::vector<uint64_t> numbers_;
};

}  // namespace fastlm::ngram
