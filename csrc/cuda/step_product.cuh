// A block's tile of a product [rows, depth] x [depth, gates * units], for a kernel that goes on with the sums itself.
//
//   StepProduct<T, kGates, kRows, kTensor> product;
//   product.run(source, depth, weights, stride, gate_stride, units);   // by all threads of the block, once a kernel
//   product.for_tile(live, units, [&](int r, int unit) { ... product.sum(r, unit) ... });
//
// source(r): where row r of the left-hand side begins, or null for zeros. units: those that there are from the block's
// first one on, of which it takes kUnits at most. The parts that the warps have added up are summed in order through
// shared memory, so that the bits do not depend on the schedule. Here without tensor cores: a lane owns columns.
#pragma once

#include "../core/rnn/cell.h"
#include "number.cuh"
#include "step_plan.h"

namespace fastlm::cuda {

// The sums of the parts of a tile, in shared memory.
template <class C, int kGates, int kRows, int kTileUnits, int kParts>
class StepSums {
 public:
  static constexpr int kUnits = kTileUnits;
  static constexpr int kOwn = (kRows * kUnits + kStepThreads - 1) / kStepThreads;  // sums of a thread, at most

  __device__ __forceinline__ explicit StepSums(SharedArrays& shared)
      : parts_(shared.take<C>(kParts * kGates * kRows * kUnits)) {}

  // After run(), for every thread.
  __device__ __forceinline__ Pack<C, kGates> sum(int r, int unit) const {
    Pack<C, kGates> total;
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) {
      total[g] = *part(0, g, r, unit);
      FASTLM_UNROLL
      for (int p = 1; p < kParts; p++) total[g] += *part(p, g, r, unit);
    }
    return total;
  }

  // Shares a tile's first `live` rows and first `units` units out to the threads of the block: f(i, r, unit), where
  // unit counts from the block's first one and i, the same for all threads, a thread's own.
  template <class Function>
  __device__ __forceinline__ static void for_own(int live, int64_t units, Function&& f) {
    FASTLM_UNROLL
    for (int i = 0; i < kOwn; i++) {
      const int at = i * kStepThreads + int(threadIdx.x), r = at / kUnits, unit = at % kUnits;
      if (r < live && unit < units) f(i, r, unit);
    }
  }
  template <class Function>
  __device__ __forceinline__ static void for_tile(int live, int64_t units, Function&& f) {
    for_own(live, units, [&](int, int r, int unit) { f(r, unit); });
  }

 protected:
  __device__ __forceinline__ C* part(int p, int g, int r, int unit) const {
    return parts_ + ((p * kGates + g) * kRows + r) * kUnits + unit;
  }

 private:
  C* parts_;  // [kParts][kGates][kRows][kUnits]
};

template <class T, int kGates, int kRows, bool kTensor>
inline constexpr int kTileUnits = step_units(kGates, kRows, sizeof(T), kTensor);

template <class T, int kGates, int kRows, bool kTensor>
using SumsOf = StepSums<Computed<T>, kGates, kRows, kTileUnits<T, kGates, kRows, kTensor>,
                        step_parts(kGates, kTileUnits<T, kGates, kRows, kTensor>, kTensor)>;

// With tensor cores: tensor_product.cuh.
template <class T, int kGates, int kRows, bool kTensor>
class StepProduct;

template <class T, int kGates, int kRows>
class StepProduct<T, kGates, kRows, false> : public SumsOf<T, kGates, kRows, false> {
  using Sums = SumsOf<T, kGates, kRows, false>;

 public:
  using Sums::kUnits;

  __device__ __forceinline__ explicit StepProduct(SharedArrays shared = {})
      : Sums(shared), staged_(shared.take<T>(kStepStaged)) {}

  // weights: of depth k, gate g and the block's unit u at [k * stride + g * gate_stride + u].
  template <class Source>
  __device__ __forceinline__ void run(Source&& source, int64_t depth, const T* __restrict__ weights, int64_t stride,
                                      int64_t gate_stride, int64_t units) {
    const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, split = lane / kLanes;
    // A column that is not there is another one: nobody asks for its sum.
    const T* columns[kOwnColumns];
    FASTLM_UNROLL
    for (int i = 0; i < kOwnColumns; i++) {
      const int column = column_of(lane, i) < kColumns ? column_of(lane, i) : 0, unit = column % kUnits;
      columns[i] = weights + column / kUnits * gate_stride + (unit < units ? unit : 0);
    }
    T sums[kOwnColumns][kRows] = {};
    const T* const from = source(int(threadIdx.x) % kRows);  // this thread stages a row
    for (int64_t first = 0; first < depth; first += kDepth) {
      const int here = depth - first < kDepth ? int(depth - first) : kDepth;
      if (first > 0) __syncthreads();  // the rows before have been used
      for (int at = threadIdx.x; at < here * kRows; at += kStepThreads)
        staged_[at] = from ? from[first + at / kRows] : T(0);
      __syncthreads();
      const int share = (here + kStepWarps - 1) / kStepWarps, k = warp * share + split;
      const int end = (warp + 1) * share < here ? (warp + 1) * share : here;
      multiply(sums, columns, staged_ + k * kRows, (first + k) * stride, kSplit * stride,
               (end - k + kSplit - 1) / kSplit);
    }
    FASTLM_UNROLL
    for (int i = 0; i < kOwnColumns; i++) {
      const int column = column_of(lane, i);
      if (column >= kColumns || split >= kSplit) continue;
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++)
        *this->part(warp * kSplit + split, column / kUnits, r, column % kUnits) = sums[i][r];
    }
    __syncthreads();
  }

 private:
  static constexpr int kColumns = kGates * kUnits, kOwnColumns = (kColumns + kWarp - 1) / kWarp;
  static constexpr int kSplit = step_parts(kGates, kUnits, false) / kStepWarps;  // lanes that share a column's depth
  static constexpr int kLanes = kWarp / kSplit;                                  // side by side
  static constexpr int kDepth = kStepStaged / kRows;                             // that is staged at a time
  static constexpr int kAbreast = 64 / int(sizeof(T)) / kOwnColumns;  // loads that go out before they are used

  __device__ __forceinline__ static constexpr int column_of(int lane, int i) { return lane % kLanes + i * kWarp; }

  // Adds up this lane's depths, every kSplit-th from `at` on: count of them, of which the weights begin at `weight`.
  __device__ __forceinline__ void multiply(T (&sums)[kOwnColumns][kRows], const T* const (&columns)[kOwnColumns],
                                           const T* row, int64_t weight, int64_t skip, int count) const {
    for (; count >= kAbreast; count -= kAbreast) multiply<kAbreast>(sums, columns, row, weight, skip);
    for (; count > 0; count--) multiply<1>(sums, columns, row, weight, skip);
  }

  template <int kCount>
  __device__ __forceinline__ void multiply(T (&sums)[kOwnColumns][kRows], const T* const (&columns)[kOwnColumns],
                                           const T*& row, int64_t& weight, int64_t skip) const {
    T w[kCount][kOwnColumns];
    FASTLM_UNROLL
    for (int k = 0; k < kCount; k++, weight += skip) {
      FASTLM_UNROLL
      for (int i = 0; i < kOwnColumns; i++) w[k][i] = columns[i][weight];
    }
    FASTLM_UNROLL
    for (int k = 0; k < kCount; k++, row += kSplit * kRows) {
      const auto numbers = load_wide<kRows>(row);
      FASTLM_UNROLL
      for (int i = 0; i < kOwnColumns; i++) {
        FASTLM_UNROLL
        for (int r = 0; r < kRows; r++) sums[i][r] += w[k][i] * numbers.v[r];
      }
    }
  }

  T* staged_;  // [kDepth][kRows]
};

}  // namespace fastlm::cuda
