// High bits of ascending numbers: number i is a 1 behind as many 0s as it says, and behind the 1s before it.
//
// Elias (1974), "Efficient storage and retrieval by content and address of static files"; the low bits are elsewhere.
#pragma once

#include <bit>
#include <vector>

#include "../prefetch.h"
#include "sections.h"

namespace fastlm::ngram {

class HighBits {
 public:
  static constexpr uint64_t kSample = 64;  // the place of one 1 of so many is kept

  HighBits() = default;
  HighBits(Array words, Array samples) : words_(std::move(words)), samples_(std::move(samples)) {}

  // Number i and the next one.
  std::pair<uint64_t, uint64_t> two(uint64_t i) const {
    uint64_t at = samples_[i / kSample], left = i % kSample, word = at / 64;
    uint64_t bits = words_.as<uint64_t>(word) & ~uint64_t(0) << at % 64;
    for (uint64_t ones; left >= (ones = std::popcount(bits)); bits = words_.as<uint64_t>(++word)) left -= ones;
    at = select(bits, left);
    const uint64_t first = 64 * word + at - i;
    bits &= ~uint64_t(1) << at;
    while (bits == 0) bits = words_.as<uint64_t>(++word);
    return {first, 64 * word + std::countr_zero(bits) - (i + 1)};
  }

  // Two steps, so that many can go on side by side: what says where number i is, and where it is.
  void prefetch_sample(uint64_t i) const { fastlm::prefetch(samples_.data() + i / kSample * samples_.width()); }
  void prefetch(uint64_t i) const { fastlm::prefetch(words_.data() + samples_[i / kSample] / 8); }

  // Whether these are so many numbers, and one more that is `end`; not whole: at a glance.
  bool valid(uint64_t size, uint64_t end, bool whole) const;

 private:
  // Where 1 number k of a word is. Vigna (2008), "Broadword implementation of rank/select queries".
  static int select(uint64_t bits, uint64_t k) {
    constexpr uint64_t kEach = 0x0101010101010101, kTops = 0x8080808080808080;
    uint64_t sums = bits - (bits >> 1 & 0x5555555555555555);
    sums = (sums & 0x3333333333333333) + (sums >> 2 & 0x3333333333333333);
    sums = ((sums + (sums >> 4)) & 0x0F0F0F0F0F0F0F0F) * kEach;  // of each byte and those below
    const int byte = 8 * std::popcount(((k * kEach | kTops) - sums) & kTops);
    k -= sums << 8 >> byte & 0xFF;
    bits >>= byte;
    for (; k > 0; k--) bits &= bits - 1;
    return byte + std::countr_zero(bits);
  }

  Array words_;    // of 64 bits
  Array samples_;  // where 1 number 0, kSample, ... stands
};

class HighBitsWriter {
 public:
  void add(uint64_t number) {
    const uint64_t at = number + i_;
    if (i_++ % HighBits::kSample == 0) samples_.push_back(at);
    words_.resize(at / 64 + 1);
    words_.back() |= uint64_t(1) << at % 64;
  }
  // words, then samples
  void finish(SectionSink& sink, const std::string& words, const std::string& samples) const {
    sink.put(words, array_of(words_));
    sink.put(samples, packed(samples_));
  }

 private:
  uint64_t i_ = 0;
  std::vector<uint64_t> words_, samples_;
};

}  // namespace fastlm::ngram
