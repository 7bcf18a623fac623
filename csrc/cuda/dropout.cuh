// The dropout kernel: 16-byte loads and stores, the random words computed between them.
#pragma once

#include <type_traits>

#include "../core/dropout.h"
#include "device.cuh"

namespace fastlm::cuda {

inline constexpr int kDropoutThreads = 256;
// Elements of a thread in a round: whole quads, and 16 bytes where that is more. Neighbours read neighbours, so that
// each load of a warp is one piece of memory; with a few registers each, enough warps fit to hide Philox's latency.
template <class T>
inline constexpr int kDropoutElements = sizeof(T) == 2 ? 8 : 4;

template <class T>
__device__ __forceinline__ T drop(const DropoutRule& rule, uint32_t word, T element) {
  using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;
  return T(Compute(element) * Compute(rule.factor(word)));
}

// kAligned: both arrays begin at a multiple of 16 bytes. rule comes without its seed.
template <class T, bool kAligned>
__global__ void __launch_bounds__(kDropoutThreads)
    dropout_kernel(const int64_t* seed, DropoutRule rule, const T* input, T* output, int64_t count) {
  constexpr int kElements = kDropoutElements<T>;
  rule.seed = uint64_t(*seed);
  const int64_t threads = int64_t(gridDim.x) * blockDim.x, thread = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t first = thread * kElements; first < count; first += threads * kElements) {
    PhiloxWords<uint32_t> words[kElements / 4];
    FASTLM_UNROLL
    for (int q = 0; q < kElements / 4; q++) words[q] = rule.words(uint64_t(first) / 4 + q);
    if (kAligned && first + kElements <= count) {
      auto elements = load_wide<kElements>(input + first);
      FASTLM_UNROLL
      for (int i = 0; i < kElements; i++) elements.v[i] = drop(rule, words[i / 4].v[i % 4], elements.v[i]);
      store_wide(output + first, elements);
    } else {
      FASTLM_UNROLL
      for (int i = 0; i < kElements; i++)
        if (first + i < count) output[first + i] = drop(rule, words[i / 4].v[i % 4], input[first + i]);
    }
  }
}

}  // namespace fastlm::cuda
