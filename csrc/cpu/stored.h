// Numbers kept in a narrower type than they are computed in: widened as they are loaded.
#pragma once

#include <bit>
#include <cstring>

#ifdef __SSE4_1__
#include <immintrin.h>
#endif

#include "../core/half.h"
#include "simd.h"

namespace fastlm::cpu {

// As many integers as a vector of float has lanes, widened. GCC 12 makes scalar code of __builtin_convertvector here.
template <class Word, class Wide>
[[gnu::always_inline]] inline auto load_wide(const Word* p) {
  constexpr bool kSigned = std::is_signed_v<Word>;
  static_assert(sizeof(Word) == (kSigned ? 1 : 2));
#if defined(__AVX512F__)
  if constexpr (kSigned)
    return _mm512_maskz_cvtepi8_epi32(0xFFFF, _mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  else
    return _mm512_maskz_cvtepu16_epi32(0xFFFF, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  if constexpr (kSigned)
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  else
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__SSE4_1__) && !defined(__AVX__)
  if constexpr (kSigned) {
    int four;
    std::memcpy(&four, p, sizeof(four));
    return _mm_cvtepi8_epi32(_mm_cvtsi32_si128(four));
  } else {
    return _mm_cvtepu16_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
  }
#else
  using Words [[gnu::vector_size(kLanes<float> * sizeof(Word))]] = Word;
  using Wides [[gnu::vector_size(kLanes<float> * sizeof(Wide))]] = Wide;
  Words words;
  std::memcpy(&words, p, sizeof(words));
  return __builtin_convertvector(words, Wides);
#endif
}

// A vector of T from as many numbers of any stored type.
template <class T, class Stored>
[[gnu::always_inline]] inline Vec<T> load_as(const Stored* p) {
  if constexpr (std::is_same_v<T, Stored>) {
    return load(p);
  } else {
    static_assert(std::is_same_v<T, float>);
    if constexpr (std::is_same_v<Stored, BFloat16>) {
      using Words [[gnu::vector_size(sizeof(Vec<float>))]] = uint32_t;
      return std::bit_cast<Vec<float>>(std::bit_cast<Words>(load_wide<uint16_t, uint32_t>(&p->bits)) << 16);
    } else {
      using Integers [[gnu::vector_size(sizeof(Vec<float>))]] = int32_t;
      using Floats [[gnu::vector_size(sizeof(Vec<float>))]] = float;
      const Integers integers = std::bit_cast<Integers>(load_wide<int8_t, int32_t>(p));
      return std::bit_cast<Vec<float>>(__builtin_convertvector(integers, Floats));
    }
  }
}

// The first `count` only; the other lanes read as 0.
template <class T, class Stored>
inline Vec<T> load_first_as(const Stored* p, int count) {
  if constexpr (std::is_same_v<T, Stored>) {
    return load_first(p, count);
  } else {
    if (count >= kLanes<T>) return load_as<T>(p);
    Stored some[kLanes<T>];
    std::memset(static_cast<void*>(some), 0, sizeof(some));
    std::memcpy(static_cast<void*>(some), p, count * sizeof(Stored));
    return load_as<T>(some);
  }
}

}  // namespace fastlm::cpu
