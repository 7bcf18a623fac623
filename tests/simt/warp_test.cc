// Collectives of a warp: what each lane takes, and what stops a kernel.
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <bit>
#include <numeric>
#include <vector>

#include "simt_test.h"

namespace simt {
namespace {

using Warps = SimtTest;
constexpr unsigned kAll = 0xFFFFFFFFu;

// What each lane has after the kernel, which returns it.
template <class Kernel>
std::vector<int> lanes(const Kernel& kernel, unsigned count = 32) {
  std::vector<int> results(count, -1);
  run([&] { results[threadIdx.x] = kernel(int(threadIdx.x)); }, 1, count, 0);
  return results;
}

TEST_F(Warps, ShuffleAsPtxSays) {
  in_every_order([] {
    const auto index = lanes([](int lane) { return __shfl_sync(kAll, 100 + lane, 5); });
    const auto within = lanes([](int lane) { return __shfl_sync(kAll, lane, lane + 3, 8); });
    const auto up = lanes([](int lane) { return __shfl_up_sync(kAll, lane, 3, 16); });
    const auto down = lanes([](int lane) { return __shfl_down_sync(kAll, lane, 3, 16); });
    const auto exclusive = lanes([](int lane) { return __shfl_xor_sync(kAll, lane, 9, 16); });
    const auto across = lanes([](int lane) { return __shfl_xor_sync(kAll, lane, 8, 8); });
    for (int lane = 0; lane < 32; lane++) {
      EXPECT_EQ(index[lane], 105);
      EXPECT_EQ(within[lane], lane / 8 * 8 + (lane + 3) % 8);
      EXPECT_EQ(up[lane], lane % 16 < 3 ? lane : lane - 3);
      EXPECT_EQ(down[lane], lane % 16 >= 13 ? lane : lane + 3);
      EXPECT_EQ(exclusive[lane], lane ^ 9);
      EXPECT_EQ(across[lane], lane % 16 < 8 ? lane : lane - 8) << "of groups before its own, not after";
    }
  });
}

TEST_F(Warps, ShuffleNumbersOfAnyType) {
  run(
      [] {
        const int lane = int(threadIdx.x);
        EXPECT_EQ(__shfl_xor_sync(kAll, 0.5f + float(lane), 1), 0.5f + float(lane ^ 1));
        EXPECT_EQ(__shfl_xor_sync(kAll, 1e300 * lane, 1), 1e300 * (lane ^ 1));
        EXPECT_EQ(__shfl_xor_sync(kAll, ~uint64_t(lane), 1), ~uint64_t(lane ^ 1));
        EXPECT_EQ(float(__shfl_xor_sync(kAll, __half(float(lane)), 1)), float(lane ^ 1));
      },
      1, 32, 0);
}

TEST_F(Warps, SumInEveryWarpAndOrder) {
  in_every_order([] {
    const auto sums = lanes(
        [](int thread) {
          int sum = thread;
          for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAll, sum, step);
          return sum;
        },
        96);
    for (int thread = 0; thread < 96; thread++) EXPECT_EQ(sums[thread], thread / 32 * 32 * 32 + 31 * 16);
  });
}

TEST_F(Warps, Vote) {
  in_every_order([] {
    run(
        [] {
          const int lane = int(threadIdx.x);
          EXPECT_EQ(__ballot_sync(kAll, lane % 3 == 0), 0x49249249u);
          EXPECT_TRUE(__any_sync(kAll, lane == 31));
          EXPECT_FALSE(__any_sync(kAll, lane == 32));
          EXPECT_TRUE(__all_sync(kAll, lane < 32));
          EXPECT_FALSE(__all_sync(kAll, lane < 31));
        },
        1, 32, 0);
  });
}

TEST_F(Warps, MasksDivideAWarp) {
  in_every_order([] {
    const auto sums = lanes([](int lane) {
      const unsigned mask = lane < 10 ? 0x3FFu : ~0x3FFu;
      int sum = 0;
      if (lane < 10) {
        for (int i = 0; i < 10; i++) sum += __shfl_sync(mask, lane, i);
      } else {
        for (int i = 10; i < 32; i++) sum += __shfl_sync(mask, lane, i);
        EXPECT_TRUE(__all_sync(mask, true));
      }
      return sum + __shfl_sync(kAll, lane, 31);
    });
    for (int lane = 0; lane < 32; lane++) EXPECT_EQ(sums[lane], (lane < 10 ? 45 : 451) + 31);
  });
}

TEST_F(Warps, BarrierOrdersMemory) {  // for ThreadSanitizer too
  in_every_order([] {
    std::vector<int> numbers(64);
    run(
        [&] {
          const unsigned t = threadIdx.x;
          for (int i = 0; i < 3; i++) {
            numbers[t] = int(t) + i;
            __syncwarp();
            EXPECT_EQ(numbers[t ^ 1], int(t ^ 1) + i);
            __syncwarp(t % 32 < 16 ? 0xFFFFu : 0xFFFF0000u);
          }
        },
        1, 64, 0);
  });
}

TEST_F(Warps, ALaneThatEndedIsMissed) {
  const auto kernel = [] { threadIdx.x != 7 ? __syncwarp() : void(); };
  EXPECT_EQ(fault_of(kernel, 1, 32).find("deadlock: thread 0 of block 0, 0 waits at"), 0u);
  EXPECT_HAS(fault_of(kernel, 1, 32), line(-2) + ", but thread 7 of block 0, 0 has ended");
}

TEST_F(Warps, ALaneThatWaitsElsewhereIsMissed) {
  const auto kernel = [] {
    if (threadIdx.x == 7) __syncthreads();
    __shfl_sync(kAll, 1, 0);
  };
  EXPECT_HAS(fault_of(kernel, 1, 32), line(-2) + ", but thread 7 of block 0, 0 waits at ");
  EXPECT_HAS(fault_of(kernel, 1, 32), line(-4));
}

TEST_F(Warps, LanesMustMeetInOnePlace) {
  const auto kernel = [] {
    if (threadIdx.x == 7)
      __shfl_sync(kAll, 1, 0);
    else
      __shfl_sync(kAll, 1, 0);
  };
  EXPECT_HAS(fault_of(kernel, 1, 32), "divergent warp: thread 0 of block 0, 0 waits at");
  EXPECT_HAS(fault_of([] { threadIdx.x < 3 ? __syncwarp() : void(__any_sync(kAll, 1)); }, 1, 32), "divergent warp");
}

TEST_F(Warps, MasksMustBeOneAndTrue) {
  EXPECT_HAS(fault_of([] { __ballot_sync(threadIdx.x == 3 ? kAll : 0x7FFFFFFFu, 1); }, 1, 32), "different masks: ");
  EXPECT_HAS(fault_of([] { __syncwarp(0xFFFF); }, 1, 32), "is not in the mask that it names at ");
  EXPECT_HAS(fault_of([] { __syncwarp(); }, 1, 24), "than the 24 of its warp");
}

TEST_F(Warps, TheSourceOfAShuffleMustBeThere) {
  const auto kernel = [] {
    if (threadIdx.x < 16) __shfl_down_sync(0xFFFFu, 1, 1);
  };
  EXPECT_HAS(fault_of(kernel, 1, 32), "thread 15 of block 0, 0 waits at");
  EXPECT_HAS(fault_of(kernel, 1, 32), "takes the value of lane 16, which is not in the mask");
  EXPECT_HAS(fault_of([] { __shfl_sync(kAll, 1, 0, 12); }, 1, 32), "a width of 12 is not");
}

}  // namespace
}  // namespace simt
