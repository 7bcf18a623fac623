#include "high_bits.h"

namespace fastlm::ngram {

bool HighBits::valid(uint64_t size, uint64_t end, bool whole) const {
  if (words_.width() != sizeof(uint64_t) || words_.size() != (size + end) / 64 + 1 ||
      samples_.size() != size / kSample + 1)
    return false;
  if (!whole) return true;
  uint64_t ones = 0;
  for (uint64_t word = 0; word < words_.size(); word++)
    for (uint64_t bits = words_.as<uint64_t>(word); bits; bits &= bits - 1, ones++) {
      const uint64_t at = 64 * word + std::countr_zero(bits);
      if (ones == 0 && at != 0) return false;
      if (ones % kSample == 0 && (ones > size || samples_[ones / kSample] != at)) return false;
      if (ones == size && at != size + end) return false;
    }
  return ones == size + 1;
}

}  // namespace fastlm::ngram
