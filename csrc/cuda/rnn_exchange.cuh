// How the blocks of a row group pass on the numbers that the product of the next step needs from all of them.
//
// The numbers of a step are [kRows / kPlane][depth][kPlane]: the rows of a plane are what one wide load reads, so that
// lanes which read one place of the depth after the other meet no bank conflict. There are two copies in turn: a block
// writes the next one while others still read the present one, and no further, as all must meet in between. Places
// behind the last unit are zeros: their weights are zeros, too.
#pragma once

#include "persistent_plan.h"
#include "ptx.cuh"
#include "rnn_unit.cuh"

namespace fastlm::cuda {

// The same value, of which the compiler knows no more. So it does not keep in registers, from step to step, what is
// cheap to compute from it again.
template <class T>
__device__ __forceinline__ T opaque(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

struct PersistentLaunch {
  PersistentPlan plan;
  void* workspace;
};

template <class C, int kRows>
struct RowLayout {
  static constexpr int kPlane = kRows < int(16 / sizeof(C)) ? kRows : int(16 / sizeof(C));
  int depth;

  __device__ __forceinline__ int plane_size() const { return depth * kPlane; }
  __device__ __forceinline__ int size() const { return depth * kRows; }
  __device__ __forceinline__ int at(int place, int row) const {
    return row / kPlane * plane_size() + place * kPlane + row % kPlane;
  }
};

// The three ways are told apart at run time: as three kernels each they would take three times as long to compile, and
// here they differ in what happens once a step.
//
//   kBlock    Both copies are in shared memory. A barrier of the block a step.
//   kCluster  The same in every block: each writes into all of them. A barrier of the cluster a step.
//   kGrid     Both copies are in global memory, which stays in L2. Each block raises a counter of the group once a
//             step, waits until all have, and fetches the copy into its shared memory.
template <class C, int kRows>
class RowExchange {
 public:
  // used: places of the depth that the units have.
  __device__ __forceinline__ RowExchange(SharedArrays& shared, const PersistentLaunch& launch, int used)
      : layout{int(launch.plan.depth)}, launch_(launch), now_(shared.take<C>(layout.size())) {
    if (is(Exchange::kGrid)) {
      next_ = global_copy();
      return;  // the workspace is zeros
    }
    next_ = shared.take<C>(layout.size());
    for (int i = threadIdx.x; i < (layout.depth - used) * kRows; i += blockDim.x) {
      const int at = layout.at(used + i / kRows, i % kRows);
      now_[at] = next_[at] = C(0);
    }
    meet_cluster();  // shared memory of a block that has not begun is not to be written
  }

  const RowLayout<C, kRows> layout;

  // What the product of this step reads, between receive() and send().
  __device__ __forceinline__ const C* rows() const { return now_; }

  // Numbers for the next step, between receive() and send(), too.
  template <int kCount>
  __device__ __forceinline__ void write(int at, const Wide<C, kCount>& numbers) {
    if (!is(Exchange::kCluster)) return store_wide(next_ + at, numbers);
    for (int rank = 0; rank < int(launch_.plan.blocks); rank++) store_wide(ptx::in_block(next_, rank) + at, numbers);
  }

  // Between the two a thread may do what needs nobody else.
  __device__ __forceinline__ void send() {
    if (is(Exchange::kCluster)) arrive();
    if (is(Exchange::kGrid)) {
      __syncthreads();
      if (threadIdx.x == 0) ptx::signal(counter());
    }
  }
  __device__ __forceinline__ void receive() {
    if (is(Exchange::kGrid)) return fetch();
    if (is(Exchange::kCluster))
      wait();
    else
      __syncthreads();
    C* const kept = now_;
    now_ = next_, next_ = kept;
  }

  // After the last step: others may still write into this block's shared memory.
  __device__ __forceinline__ void end() { meet_cluster(); }

 private:
  __device__ __forceinline__ bool is(Exchange exchange) const { return launch_.plan.exchange == exchange; }
  __device__ __forceinline__ void meet_cluster() {
    if (!is(Exchange::kCluster)) return;
    arrive();
    wait();
  }
  // The lanes of a warp are to arrive, and to wait, as one; the compiler sees to that for __syncthreads alone.
  __device__ __forceinline__ void arrive() {
    __syncwarp();
    ptx::cluster_arrive();
  }
  __device__ __forceinline__ void wait() {
    __syncwarp();
    ptx::cluster_wait();
  }

  __device__ __forceinline__ int64_t group() const { return opaque(int(blockIdx.x)); }
  __device__ __forceinline__ uint32_t* counter() const {
    return reinterpret_cast<uint32_t*>(static_cast<char*>(launch_.workspace) + group() * kCounterBytes);
  }
  __device__ __forceinline__ C* global_copy() const {
    auto* const copies = static_cast<char*>(launch_.workspace) + launch_.plan.row_groups * kCounterBytes;
    return reinterpret_cast<C*>(copies) + (2 * group() + steps_ % 2) * layout.size();
  }
  __device__ __forceinline__ void fetch() {
    constexpr int kCount = 16 / sizeof(C);
    steps_++;
    const uint32_t all = steps_ * uint32_t(launch_.plan.blocks);
    if (threadIdx.x == 0)
      while (int32_t(ptx::poll(counter()) - all) < 0) {  // the counter may wrap
      }
    __syncthreads();
    for (int i = opaque(int(threadIdx.x)) * kCount; i < layout.size(); i += blockDim.x * kCount)
      ptx::copy_async(now_ + i, next_ + i);
    ptx::commit_async();
    ptx::wait_async<0>();
    __syncthreads();
    next_ = global_copy();
  }

  const PersistentLaunch& launch_;
  C *now_, *next_;
  uint32_t steps_ = 0;
};

}  // namespace fastlm::cuda
