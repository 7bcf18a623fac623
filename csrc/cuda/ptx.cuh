// Instructions for which CUDA C++ has no name, or none on every GPU: one function each.
//
// tests/simt/cuda has the same functions for the executor.
#pragma once

#ifndef __CUDACC__
#include <simt_ptx.h>
#else

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

namespace fastlm::cuda::ptx {

// A counter in global memory through which blocks that run together wait for one another: what a block wrote before
// its signal is seen by whoever has polled it.
__device__ __forceinline__ void signal(uint32_t* counter) {
  asm volatile("red.release.gpu.global.add.u32 [%0], 1;" ::"l"(counter) : "memory");
}
__device__ __forceinline__ uint32_t poll(const uint32_t* counter) {
  uint32_t value;
  asm volatile("ld.acquire.gpu.global.u32 %0, [%1];" : "=r"(value) : "l"(counter) : "memory");
  return value;
}

// 16 bytes from global to shared memory past the registers, both on a multiple of 16; after wait_async<n>() all groups
// but the last n that this thread committed are there, for this thread.
__device__ __forceinline__ void copy_async(void* shared, const void* global) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(uint32_t(__cvta_generic_to_shared(shared))),
               "l"(global)
               : "memory");
}
__device__ __forceinline__ void commit_async() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int n>
__device__ __forceinline__ void wait_async() {
  asm volatile("cp.async.wait_group %0;" ::"n"(n) : "memory");
}

// Clusters of blocks, from sm_90 on: elsewhere a kernel that uses them is never launched.
__device__ __forceinline__ uint32_t cluster_rank() {
  uint32_t rank = 0;
#if __CUDA_ARCH__ >= 900
  asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
#endif
  return rank;
}
// Where `shared`, of this block, lies in the block of that rank.
template <class T>
__device__ __forceinline__ T* in_block(T* shared, uint32_t rank) {
  uint64_t address = 0;
#if __CUDA_ARCH__ >= 900
  asm("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(reinterpret_cast<uint64_t>(shared)), "r"(rank));
#endif
  return reinterpret_cast<T*>(address);
}
// Every thread of the cluster arrives, and waits; what was written before the one is seen after the other.
__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

// d += a b on tensor cores, for a warp: d is 16 x 8, a 16 x k by rows, b k x 8 by columns; k = 16 for 16-bit numbers, 8
// for TF32. Lane l has, with q = l / 4 and m = l % 4: d {(q, 2m), (q, 2m + 1), (q + 8, 2m), (q + 8, 2m + 1)};
// 16-bit numbers two a register: a {(q, 2m), (q + 8, 2m), (q, 2m + 8), (q + 8, 2m + 8)}, b {(2m, q), (2m + 8, q)};
// TF32: a {(q, m), (q + 8, m), (q, m + 4), (q + 8, m + 4)}, b {(m, q), (m + 4, q)}. Volatile: all lanes must meet
// there, so it is not to be moved into a branch.
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], __half) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], __nv_bfloat16) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
// float: the numbers are as to_tf32 gives them.
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2], float) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
__device__ __forceinline__ uint32_t to_tf32(float number) {  // 10 bits of mantissa, halves rounded away from zero
  uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(number));
  return bits;
}

}  // namespace fastlm::cuda::ptx

#endif
