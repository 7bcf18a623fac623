// What the contexts of an order are worth: few different pairs of numbers, which most contexts share.
#pragma once

#include <bit>
#include <cstring>
#include <vector>

#include "smoothing.h"

namespace fastlm::ngram {

// The two numbers of a context as a model keeps them.
struct StoredWeights {
  float scale, unseen;
};

// Numbers the pairs in the order of their coming. 0 is that of an n-gram that nothing follows.
class ContextNumbers {
 public:
  static constexpr StoredWeights kNone = {0, 1};

  ContextNumbers() : slots_(64) { number(kNone); }

  size_t size() const { return pairs_.size(); }
  const std::vector<StoredWeights>& pairs() const { return pairs_; }

  uint32_t number(const StoredWeights& weights) {
    uint32_t& slot = slots_[slot_of(weights)];
    if (slot) return slot - 1;
    pairs_.push_back(weights);
    slot = uint32_t(pairs_.size());
    if (2 * pairs_.size() > slots_.size()) grow();
    return uint32_t(pairs_.size() - 1);
  }

 private:
  size_t slot_of(const StoredWeights& weights) const {
    const uint64_t key = std::bit_cast<uint64_t>(weights);
    const size_t mask = slots_.size() - 1;
    size_t slot = (key * 0x9E3779B97F4A7C15) >> 32 & mask;
    while (slots_[slot] && std::bit_cast<uint64_t>(pairs_[slots_[slot] - 1]) != key) slot = (slot + 1) & mask;
    return slot;
  }
  void grow() {
    slots_.assign(4 * slots_.size(), 0);
    for (size_t i = 0; i < pairs_.size(); i++) slots_[slot_of(pairs_[i])] = uint32_t(i + 1);
  }

  std::vector<StoredWeights> pairs_;
  std::vector<uint32_t> slots_;  // number + 1, or 0
};

}  // namespace fastlm::ngram
