// Transposition in registers: a square of vectors, by a network of interleavings.
#pragma once

#include <bit>
#include <utility>

#include "simd.h"

namespace fastlm::cpu {

// Lane i of v[j] goes to lane j of v[i]. Each round interleaves vector i with vector i + half; log2(lanes) rounds make
// a transposition (the perfect shuffle of Stone 1971).
template <class T>
[[gnu::always_inline]] inline void transpose(Vec<T> (&v)[kLanes<T>]) {
  constexpr int kLane = kLanes<T>;
#if __has_builtin(__builtin_shufflevector)
  using Raw [[gnu::vector_size(sizeof(Vec<T>))]] = T;
  const auto interleave = []<int... I>(Raw a, Raw b, int, std::integer_sequence<int, I...>) {
    return std::pair(__builtin_shufflevector(a, b, (I % 2 ? kLane : 0) + I / 2 ...),
                     __builtin_shufflevector(a, b, (I % 2 ? kLane : 0) + kLane / 2 + I / 2 ...));
  };
  Raw from[kLane], to[kLane];
#pragma GCC unroll 16
  for (int i = 0; i < kLane; i++) from[i] = std::bit_cast<Raw>(v[i]);
#pragma GCC unroll 4
  for (int round = 1; round < kLane; round *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kLane / 2; i++)
      std::tie(to[2 * i], to[2 * i + 1]) =
          interleave(from[i], from[i + kLane / 2], 0, std::make_integer_sequence<int, kLane>());
#pragma GCC unroll 16
    for (int i = 0; i < kLane; i++) from[i] = to[i];
  }
#pragma GCC unroll 16
  for (int i = 0; i < kLane; i++) v[i] = std::bit_cast<Vec<T>>(from[i]);
#else
  alignas(64) T square[kLane][kLane];
  for (int i = 0; i < kLane; i++) v[i].copy_to(square[i], stdx::element_aligned);
  for (int i = 0; i < kLane; i++)
    for (int j = 0; j < kLane; j++) v[i][j] = square[j][i];
#endif
}

}  // namespace fastlm::cpu
