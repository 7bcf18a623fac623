// Kernels of a few lines, one for each way in which threads work together, and the faults that toy_faults.cc plants.
#pragma once

#include "cuda/device.cuh"
#include "cuda/ptx.cuh"

namespace toy {

namespace ptx = fastlm::cuda::ptx;
using fastlm::cuda::SharedArrays;

enum class Fault {
  kNone,
  kNoBlockBarrier,
  kSharedOverrun,
  kGlobalOverrun,
  kUnwrittenGate,
  kLostUpdate,
  kWholeMask,
  kNarrowMask,
  kNoGridBarrier,
  kNoSignal,
  kNoClusterBarrier,
  kBlockEnds,
  kNoAsyncWait,
  kNoAsyncBarrier,
};

inline constexpr int kThreads = 64, kBlocks = 4, kSteps = 4;
inline constexpr unsigned kWholeWarp = 0xFFFFFFFFu;

// Each number's neighbours, within its block: a barrier, and the ends of arrays.
__global__ void neighbours_kernel(const float* in, float* out, int count, Fault fault) {
  SharedArrays shared;
  float* tile = shared.take<float>(kThreads);
  const int t = int(threadIdx.x), i = int(blockIdx.x) * kThreads + t;
  if (fault != Fault::kGlobalOverrun && i >= count) return;
  tile[t] = in[i];
  if (fault != Fault::kNoBlockBarrier) __syncthreads();
  const int right = fault == Fault::kSharedOverrun ? t + 1 : (t + 1) % kThreads;
  out[i] = tile[right] + tile[(t + kThreads - 1) % kThreads];
}

// Four gates of a unit, each by a thread of its own, and what the first thread makes of them.
__global__ void gates_kernel(const float* in, float* out, Fault fault) {
  SharedArrays shared;
  float* gates = shared.take<float>(kThreads);
  const int t = int(threadIdx.x);
  if (fault != Fault::kUnwrittenGate || t % 4 != 3) gates[t] = in[blockIdx.x * kThreads + t];
  __syncthreads();
  if (t % 4 == 0) out[(blockIdx.x * kThreads + t) / 4] = gates[t] * gates[t + 1] + gates[t + 2] * gates[t + 3];
}

// How many blocks there are.
__global__ void count_kernel(unsigned* count, Fault fault) {
  if (fault == Fault::kLostUpdate) {
    const unsigned before = *count;
    __syncthreads();
    *count = before + 1;
  } else {
    __syncthreads();
    atomicAdd(count, 1u);
  }
}

// The sum of every warp's first half.
__global__ void sum_kernel(const float* in, float* out, Fault fault) {
  const unsigned t = threadIdx.x, mask = fault == Fault::kWholeMask    ? kWholeWarp
                                         : fault == Fault::kNarrowMask ? 0xFFu
                                                                       : 0xFFFFu;
  if (t % 32 >= 16) return;
  float sum = in[blockIdx.x * kThreads + t];
  if (mask >> t % 32 & 1)
    for (int lanes = 8; lanes > 0; lanes /= 2) sum += __shfl_xor_sync(mask, sum, lanes);
  if (t % 32 == 0) out[(blockIdx.x * kThreads + t) / 32] = sum;
}

// Every step a block takes over, one more, what the block to its left has: through global memory, with a counter that
// all blocks wait for.
__global__ void relay_kernel(float* numbers, uint32_t* counter, Fault fault) {  // numbers: [2][blocks][threads]
  const unsigned t = threadIdx.x, blocks = gridDim.x, left = (blockIdx.x + blocks - 1) % blocks;
  for (unsigned step = 0; step < kSteps; step++) {
    const float* now = numbers + step % 2 * blocks * kThreads;
    float* next = numbers + (step + 1) % 2 * blocks * kThreads;
    next[blockIdx.x * kThreads + t] = now[left * kThreads + t] + 1;
    if (fault == Fault::kNoGridBarrier) continue;
    __syncthreads();
    if (t == 0) {
      if (fault != Fault::kNoSignal || blockIdx.x > 0) ptx::signal(counter);
      while (ptx::poll(counter) < blocks * (step + 1)) {
      }
    }
    __syncthreads();
  }
}

// The same within a cluster, through the shared memory of its blocks.
__global__ void ring_kernel(float* numbers, Fault fault) {
  SharedArrays shared;
  float* states = shared.take<float>(2 * kThreads);
  const unsigned t = threadIdx.x, i = blockIdx.x * kThreads + t;
  float* right = ptx::in_block(states, (ptx::cluster_rank() + 1) % kBlocks);
  states[t] = numbers[i];
  for (unsigned step = 0; step < kSteps; step++) {
    right[(step + 1) % 2 * kThreads + t] = states[step % 2 * kThreads + t] + 1;
    if (fault != Fault::kNoClusterBarrier) {
      ptx::cluster_arrive();
      ptx::cluster_wait();
    }
  }
  if (fault == Fault::kBlockEnds && ptx::cluster_rank() == 1) return;
  numbers[i] = states[kSteps % 2 * kThreads + t] + 0 * right[kSteps % 2 * kThreads + t];
  if (fault == Fault::kBlockEnds) return;
  ptx::cluster_arrive();
  ptx::cluster_wait();
}

struct alignas(16) Four {
  float v[4];
};

// Rows of numbers, one a step, summed by columns in reverse: each row is copied while the one before it is read.
__global__ void stage_kernel(const Four* in, float* out, Fault fault) {  // in: [steps][threads / 4]
  SharedArrays shared;
  Four* rows = shared.take<Four>(2 * kThreads / 4);
  const unsigned t = threadIdx.x, fours = kThreads / 4;
  const auto copy = [&](unsigned step) {
    if (t < fours && step < kSteps) ptx::copy_async(&rows[step % 2 * fours + t], &in[step * fours + t]);
    ptx::commit_async();
  };
  float sum = 0;
  copy(0);
  for (unsigned step = 0; step < kSteps; step++) {
    copy(step + 1);
    if (fault != Fault::kNoAsyncWait) ptx::wait_async<1>();
    if (fault != Fault::kNoAsyncBarrier) __syncthreads();
    const unsigned from = kThreads - 1 - t;
    sum += rows[step % 2 * fours + from / 4].v[from % 4];
    __syncthreads();
  }
  out[t] = sum;
}

}  // namespace toy
