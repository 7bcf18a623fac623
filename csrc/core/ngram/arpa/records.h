// An n-gram in as few bytes as sorting can do with: its words as one number, the first word in the highest bits.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "../word.h"

namespace fastlm::ngram::arpa {

template <int kKeys>
struct Record {
  uint32_t key[kKeys];
  float probability, backoff;
  uint32_t line;

  bool operator<(const Record& other) const {
    for (int i = 0; i < kKeys; i++)
      if (key[i] != other.key[i]) return key[i] < other.key[i];
    return false;
  }
  bool before(const Record& other) const {  // of the same words, the one of the earlier line
    for (int i = 0; i < kKeys; i++)
      if (key[i] != other.key[i]) return key[i] < other.key[i];
    return line < other.line;
  }
  bool same_words(const Record& other) const { return std::equal(key, key + kKeys, other.key); }
};

// How words become keys.
class Packing {
 public:
  Packing(int order, uint64_t vocabulary) : order_(order), bits_(std::max<int>(1, std::bit_width(vocabulary - 1))) {}

  int order() const { return order_; }
  int keys() const { return (order_ * bits_ + 31) / 32; }

  // keys() keys.
  void pack(const Word* words, uint32_t* key) const {
    uint64_t bits = 0;
    int filled = 0;
    for (int i = 0; i < order_; i++) {
      bits = bits << bits_ | words[i], filled += bits_;
      for (; filled >= 32; filled -= 32) *key++ = uint32_t(bits >> (filled - 32));
    }
    if (filled) *key = uint32_t(bits << (32 - filled));
  }

  void unpack(const uint32_t* key, Word* words) const {
    const uint64_t mask = (uint64_t(1) << bits_) - 1;
    uint64_t bits = 0;
    int filled = 0;
    for (int i = 0; i < order_; i++) {
      if (filled < bits_) bits = bits << 32 | *key++, filled += 32;
      words[i] = Word(bits >> (filled - bits_) & mask), filled -= bits_;
    }
  }

 private:
  int order_, bits_;
};

}  // namespace fastlm::ngram::arpa
