// The 16-bit floating types of tensors, as storage: read into float, rounded to nearest even when written.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace fastlm {

using Half = _Float16;

struct BFloat16 {
  uint16_t bits;

  BFloat16() = default;
  explicit BFloat16(float value) {
    const uint32_t word = std::bit_cast<uint32_t>(value);
    bits = uint16_t(std::isnan(value) ? (word >> 16) | 0x40 : (word + 0x7FFF + ((word >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(uint32_t(bits) << 16); }
};

}  // namespace fastlm
