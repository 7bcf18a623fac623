// The words of CUDA that kernels and launchers use, spoken by the executor. Takes the place of NVIDIA's header when g++
// compiles them for a CPU; one that needs another word does not compile until it is here.
//
// This file: what device code says. launch.h: what the host says.
#pragma once

#include <atomic>
#include <bit>
#include <cstring>
#include <type_traits>

#include "../executor.h"
#include "launch.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

// CUDA's names of what a thread may ask; the scheduler sets them before a thread goes on.
inline const simt::Index &threadIdx = simt::thread_index, &blockIdx = simt::block_index;
inline const simt::Extent &blockDim = simt::block_extent, &gridDim = simt::grid_extent;
inline constexpr int warpSize = 32;

inline void __syncthreads(simt::Where where = simt::Where::current()) { simt::barrier(where); }
inline void __syncwarp(unsigned mask = 0xFFFFFFFFu, simt::Where where = simt::Where::current()) {
  simt::warp_barrier(mask, where);
}

namespace simt {

template <class T>
T shuffle_as(Shuffle shuffle, unsigned mask, const T& value, int operand, int width, Where where) {
  static_assert(std::is_trivially_copyable_v<T> && (sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8));
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = simt::shuffle(shuffle, mask, bits, operand, width, where);
  T taken;
  std::memcpy(&taken, &bits, sizeof(T));
  return taken;
}

}  // namespace simt

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, int width = 32, simt::Where where = simt::Where::current()) {
  return simt::shuffle_as(simt::Shuffle::kIndex, mask, value, lane, width, where);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, simt::Where where = simt::Where::current()) {
  return simt::shuffle_as(simt::Shuffle::kUp, mask, value, int(delta), width, where);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, simt::Where where = simt::Where::current()) {
  return simt::shuffle_as(simt::Shuffle::kDown, mask, value, int(delta), width, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, simt::Where where = simt::Where::current()) {
  return simt::shuffle_as(simt::Shuffle::kXor, mask, value, lanes, width, where);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return simt::vote(mask, predicate != 0, where);
}
inline int __any_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return simt::vote(mask, predicate != 0, where) != 0;
}
inline int __all_sync(unsigned mask, int predicate, simt::Where where = simt::Where::current()) {
  return simt::vote(mask, predicate != 0, where) == mask;
}

// Atomic operations order no other memory. Each returns what was there before.
template <class T>
T atomicAdd(T* address, std::type_identity_t<T> value) {
  const T before = std::atomic_ref<T>(*address).fetch_add(value, std::memory_order_relaxed);
  simt::changed(address);
  return before;
}
template <class T>
T atomicExch(T* address, std::type_identity_t<T> value) {
  const T before = std::atomic_ref<T>(*address).exchange(value, std::memory_order_relaxed);
  simt::changed(address);
  return before;
}
template <class T>
T atomicCAS(T* address, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  std::atomic_ref<T>(*address).compare_exchange_strong(expected, value, std::memory_order_relaxed);
  simt::changed(address);
  return expected;
}
template <class T>
T atomicMax(T* address, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>);
  const std::atomic_ref<T> at(*address);
  T before = at.load(std::memory_order_relaxed);
  while (before < value && !at.compare_exchange_weak(before, value, std::memory_order_relaxed)) {
  }
  simt::changed(address);
  return before;
}
inline void __threadfence() { simt::fence(); }
inline void __threadfence_block() { simt::fence(); }

template <class T>
T __ldg(const T* address) {
  return *address;
}
inline unsigned __float_as_uint(float number) { return std::bit_cast<unsigned>(number); }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
