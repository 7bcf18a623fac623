// The functions of csrc/cuda/ptx.cuh, by the executor.
//
// What reads or writes the kernel's memory is here, inline, so that the sanitizers see it as the kernel's.
#pragma once

#include <bit>

#include "cuda_bf16.h"
#include "cuda_fp16.h"
#include "cuda_runtime.h"

namespace fastlm::cuda::ptx {

inline void signal(uint32_t* counter) {
  __atomic_fetch_add(counter, 1u, __ATOMIC_RELEASE);
  simt::changed(counter);
}
inline uint32_t poll(const uint32_t* counter, simt::Where where = simt::Where::current()) {
  simt::poll(counter, where);
  return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

// The copy is read and lands when it is waited for; but from now on its 16 bytes are neither what was there nor what
// will be: NaN. A thread that still reads the old ones without a barrier in between is seen to race with that.
inline void copy_async(void* shared, const void* global, simt::Where where = simt::Where::current()) {
  using Word [[gnu::may_alias]] = volatile uint64_t;
  const bool lands = simt::copy_async(shared, global, where);
  for (int i = 0; i < 2; i++) {
    const uint64_t word = static_cast<const Word*>(global)[i];
    static_cast<Word*>(shared)[i] = lands ? word : ~uint64_t(0);
  }
}
inline void commit_async() { simt::commit_async(); }
template <int n>
inline void wait_async() {
  using Word [[gnu::may_alias]] = volatile uint64_t;
  for (simt::Copy copy = simt::copy_due(n); copy.to; copy = simt::copy_due(n))
    for (int i = 0; i < 2; i++) static_cast<Word*>(copy.to)[i] = static_cast<const Word*>(copy.from)[i];
}

inline uint32_t cluster_rank() { return simt::cluster_rank(); }
template <class T>
inline T* in_block(T* shared, uint32_t rank, simt::Where where = simt::Where::current()) {
  return static_cast<T*>(simt::in_block(shared, rank, where));
}
inline void cluster_arrive(simt::Where where = simt::Where::current()) { simt::cluster_arrive(where); }
inline void cluster_wait(simt::Where where = simt::Where::current()) { simt::cluster_wait(where); }

inline void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], __half,
                simt::Where where = simt::Where::current()) {
  simt::multiply(simt::Matrix::kHalf, d, a, b, where);
}
inline void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], __nv_bfloat16,
                simt::Where where = simt::Where::current()) {
  simt::multiply(simt::Matrix::kBFloat16, d, a, b, where);
}
inline void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], float,
                simt::Where where = simt::Where::current()) {
  simt::multiply(simt::Matrix::kTf32, d, a, b, where);
}
inline uint32_t to_tf32(float number) {
  if (number != number) return 0x7FFFFFFF;
  return (std::bit_cast<uint32_t>(number) + 0x1000u) & 0xFFFFE000u;
}

}  // namespace fastlm::cuda::ptx
