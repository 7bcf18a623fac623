// Philox on SIMD vectors: one counter a 64-bit lane, its words in the low halves.
//
// One instruction multiplies the low halves of all lanes into 64-bit products, so nothing has to be put together
// between rounds; what is left in the high halves does no harm, because nobody looks at it.
#pragma once

#include <bit>
#include <cstring>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "../core/philox.h"
#include "simd.h"

namespace fastlm {

template <class Abi>
struct WideProduct<std::experimental::simd<uint64_t, Abi>> {
  using Word = std::experimental::simd<uint64_t, Abi>;
  Word high, low;

  static WideProduct of(Word a, uint32_t b) {
    const Word product = multiply_low_halves(a, Word(b));
    return {product >> 32, product};
  }

 private:
  // The compiler does not see that one instruction does this.
  static Word multiply_low_halves(Word a, Word b) {
#if defined(__AVX512F__)
    return std::bit_cast<Word>(_mm512_maskz_mul_epu32(0xFF, std::bit_cast<__m512i>(a), std::bit_cast<__m512i>(b)));
#elif defined(__AVX2__)
    return std::bit_cast<Word>(_mm256_mul_epu32(std::bit_cast<__m256i>(a), std::bit_cast<__m256i>(b)));
#elif defined(__SSE2__)
    return std::bit_cast<Word>(_mm_mul_epu32(std::bit_cast<__m128i>(a), std::bit_cast<__m128i>(b)));
#else
    return (a & Word(0xFFFFFFFFu)) * (b & Word(0xFFFFFFFFu));
#endif
  }
};

namespace cpu {

// The four words of each lane, one lane behind the other.
inline void store_words(const PhiloxWords<Vec<uint64_t>>& counters, uint32_t* words) {
  constexpr int kLane = kLanes<uint64_t>;
  const auto& w = counters.v;
  const Vec<uint64_t> low(0xFFFFFFFFu);
  alignas(64) uint64_t halves[2][kLane];
  ((w[0] & low) | (w[1] << 32)).copy_to(halves[0], stdx::vector_aligned);
  ((w[2] & low) | (w[3] << 32)).copy_to(halves[1], stdx::vector_aligned);
  for (int q = 0; q < kLane; q++)
    for (int half = 0; half < 2; half++) std::memcpy(words + 4 * q + 2 * half, &halves[half][q], 8);
}

}  // namespace cpu

}  // namespace fastlm
