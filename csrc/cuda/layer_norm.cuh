// Layer norm of a row by the block of threads that owns it: gain * (v - mean) / sqrt(variance + 1e-5) + shift.
//
// Ba, Kiros & Hinton (2016), "Layer normalization". The mean comes before the squares are summed, as in
// csrc/cpu/layer_norm.h: a row far from zero loses nothing.
#pragma once

#include <cmath>

#include "../core/rnn/cell.h"
#include "number.cuh"

namespace fastlm::cuda {

inline constexpr int kRowThreads = 512;  // at most, of a block that owns a row; two of them leave 64 registers a thread

inline int row_threads(int64_t columns) {
  return int(columns < kRowThreads ? round_up(columns, kWarp) : int64_t{kRowThreads});
}

// Calls f(column) for this thread's share of the columns of a row.
template <class F>
__device__ __forceinline__ void for_columns(int64_t columns, const F& f) {
  for (int64_t column = threadIdx.x; column < columns; column += blockDim.x) f(column);
}

// Sums over all threads of a block of whole warps. Every thread gets the same bits, whatever came first.
template <class C>
class BlockSums {
 public:
  static constexpr int kMost = 2;  // sums that are made at once

  __device__ __forceinline__ explicit BlockSums(SharedArrays& shared) : parts_(shared.take<C>(2 * kMost * kWarps)) {}
  static void reserve(SharedArrays& shared) { shared.reserve<C>(2 * kMost * kWarps); }

  // A barrier of the block, too: what its threads wrote before is seen behind it.
  template <int N>
  __device__ __forceinline__ Pack<C, N> of(Pack<C, N> mine) {
    static_assert(N <= kMost);
    for (int away = kWarp / 2; away > 0; away /= 2) {
      FASTLM_UNROLL
      for (int n = 0; n < N; n++) mine[n] += __shfl_xor_sync(kAllLanes, mine[n], away);
    }
    // Two sets of parts in turn: who is at the next sum does not disturb who still reads this one.
    C* const parts = parts_ + turn_ * kMost * kWarps;
    turn_ = 1 - turn_;
    if (threadIdx.x % kWarp == 0) {
      FASTLM_UNROLL
      for (int n = 0; n < N; n++) parts[n * kWarps + threadIdx.x / kWarp] = mine[n];
    }
    __syncthreads();
    Pack<C, N> total;
    FASTLM_UNROLL
    for (int n = 0; n < N; n++) {
      total[n] = parts[n * kWarps];
      for (int warp = 1; warp < int(blockDim.x) / kWarp; warp++) total[n] += parts[n * kWarps + warp];
    }
    return total;
  }

 private:
  static constexpr int kWarps = kRowThreads / kWarp;
  static constexpr uint32_t kAllLanes = 0xFFFFFFFF;

  C* parts_;  // [2][kMost][kWarps]
  int turn_ = 0;
};

// What makes a number of a row a normalised one.
template <class C>
struct Normal {
  C mean = 0, scale = 1;
  __device__ __forceinline__ C operator()(C value) const { return (value - mean) * scale; }
};

// Of a row of numbers, at(column).
template <class C, class At>
__device__ __forceinline__ Normal<C> normal_of(BlockSums<C>& sums, int64_t columns, const At& at) {
  Pack<C, 1> sum{}, squares{};
  for_columns(columns, [&](int64_t column) { sum[0] += at(column); });
  const C mean = sums.of(sum)[0] / C(columns);
  for_columns(columns, [&](int64_t column) {
    const C off = at(column) - mean;
    squares[0] += off * off;
  });
  return {mean, C(1) / std::sqrt(sums.of(squares)[0] / C(columns) + C(1e-5))};
}

// The way back: what a thread sums up of the gradients d of the gained values, and then the gradient of the number that
// was normalised.
template <class C>
class NormalBack {
 public:
  __device__ __forceinline__ void add(C gained, C normal) { mine_[0] += gained, mine_[1] += gained * normal; }
  __device__ __forceinline__ void sum(BlockSums<C>& sums, int64_t columns, C scale) {
    const Pack<C, 2> total = sums.of(mine_);
    mean_ = total[0] / C(columns), slope_ = total[1] / C(columns), scale_ = scale;
  }
  __device__ __forceinline__ C operator()(C gained, C normal) const {
    return (gained - (normal * slope_ + mean_)) * scale_;
  }

 private:
  Pack<C, 2> mine_{};
  C mean_, slope_, scale_;
};

}  // namespace fastlm::cuda
