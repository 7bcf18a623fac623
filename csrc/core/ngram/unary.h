// Ascending numbers as bits: how many children each n-gram has, a 1 for the n-gram and a 0 for each child.
//
// Elias (1974), "Efficient storage and retrieval by content and address of static files", without its low bits.
#pragma once

#include <bit>
#include <vector>

#include "sections.h"

namespace fastlm::ngram {

// Children of n-gram i are those from begin(i) to begin(i + 1).
class UnaryCounts {
 public:
  static constexpr uint64_t kSample = 64;  // the place of one 1 of so many is kept

  UnaryCounts() = default;
  UnaryCounts(Array words, Array samples) : words_(std::move(words)), samples_(std::move(samples)) {}

  // The first child of n-gram i and of the next one.
  std::pair<uint64_t, uint64_t> range(uint64_t i) const {
    uint64_t at = samples_[i / kSample], left = i % kSample;
    uint64_t word = at / 64, bits = words_.as<uint64_t>(word) >> at % 64 << at % 64;
    for (int ones; left >= uint64_t(ones = std::popcount(bits)); bits = words_.as<uint64_t>(++word)) left -= ones;
    for (; left > 0; left--) bits &= bits - 1;
    at = 64 * word + std::countr_zero(bits);
    bits &= bits - 1;
    while (bits == 0) bits = words_.as<uint64_t>(++word);
    return {at - i, 64 * word + std::countr_zero(bits) - (i + 1)};
  }

  void prefetch(uint64_t i) const { __builtin_prefetch(words_.data() + samples_[i / kSample] / 8); }

  // Whether there are so many n-grams, with so many children; not whole: at a glance.
  bool valid(uint64_t size, uint64_t children, bool whole) const;

 private:
  Array words_;    // of 64 bits
  Array samples_;  // where 1 number 0, kSample, ... stands
};

class UnaryWriter {
 public:
  void add(uint64_t children) {
    if (i_++ % UnaryCounts::kSample == 0) samples_.push_back(at_);
    set(at_);
    at_ += 1 + children;
  }
  // words, then samples
  void finish(SectionSink& sink, const std::string& words, const std::string& samples) {
    add(0);  // ends the last one's children
    sink.put(words, array_of(words_));
    sink.put(samples, packed(samples_));
  }

 private:
  void set(uint64_t bit) {
    words_.resize(bit / 64 + 1);
    words_.back() |= uint64_t(1) << bit % 64;
  }

  uint64_t i_ = 0, at_ = 0;
  std::vector<uint64_t> words_, samples_;
};

}  // namespace fastlm::ngram
