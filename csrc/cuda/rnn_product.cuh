// The product of a step: what one thread adds up for its hidden unit.
#pragma once

#include "../core/rnn/cell.h"
#include "device.cuh"

namespace fastlm::cuda {

template <class T, int kGates, int kRows>
struct Sums {
  T v[kGates][kRows] = {};

  __device__ __forceinline__ Pack<T, kGates> of_row(int r) const {
    Pack<T, kGates> gates;
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) gates[g] = v[g][r];
    return gates;
  }
};

// Adds rows . weights over `depth`: weights[k * stride + g * gate_stride] belongs to this thread's unit, rows is
// [depth][kRows] in shared memory, read by all threads alike. Loads of several k go out before they are used.
template <int kGates, int kRows, class T>
__device__ __forceinline__ void multiply(Sums<T, kGates, kRows>& sums, const T* weights, int64_t stride,
                                         int64_t gate_stride, const T* rows, int64_t depth) {
  constexpr int kAbreast = 4;
  const auto add = [&](const T(&w)[kGates], int64_t k) {
    const auto row = load_wide<kRows>(rows + k * kRows);
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) {
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++) sums.v[g][r] += w[g] * row.v[r];
    }
  };
  int64_t k = 0;
  for (; k + kAbreast <= depth; k += kAbreast) {
    T w[kAbreast][kGates];
    FASTLM_UNROLL
    for (int i = 0; i < kAbreast; i++) {
      FASTLM_UNROLL
      for (int g = 0; g < kGates; g++) w[i][g] = weights[(k + i) * stride + g * gate_stride];
    }
    FASTLM_UNROLL
    for (int i = 0; i < kAbreast; i++) add(w[i], k + i);
  }
  for (; k < depth; k++) {
    T w[kGates];
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) w[g] = weights[k * stride + g * gate_stride];
    add(w, k);
  }
}

}  // namespace fastlm::cuda
