// Blocks that run together: clusters with distributed shared memory, cooperative grids, counters that are polled.
#include <cooperative_groups.h>
#include <cuda_runtime.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "cuda/ptx.cuh"
#include "simt_test.h"

namespace simt {
namespace {

namespace ptx = fastlm::cuda::ptx;
using Clusters = SimtTest;
using Grids = SimtTest;

float* shared_floats(int count, int64_t at = 0) {
  return static_cast<float*>(shared_array(at, count * int64_t(sizeof(float))));
}

void sync_cluster() {
  ptx::cluster_arrive();
  ptx::cluster_wait();
}

TEST_F(Clusters, RanksGoAlongX) {
  std::vector<int> ranks(24);
  run([&] { ranks[(blockIdx.z * 2 + blockIdx.y) * 6 + blockIdx.x] = int(ptx::cluster_rank()); }, {6, 2, 2}, 1, 0,
      {false, {3, 2, 1}});
  for (int i = 0; i < 24; i++) EXPECT_EQ(ranks[i], i % 6 % 3 + i / 6 % 2 * 3);
}

TEST_F(Clusters, ReadAndWriteEachOther) {
  in_every_order([] {
    constexpr int kThreads = 64, kBlocks = 4, kSteps = 5;
    std::vector<float> sums(2 * kBlocks * kThreads);
    run(
        [&] {
          const int t = int(threadIdx.x);
          const auto rank = ptx::cluster_rank();
          float* now = shared_floats(kThreads);
          float* next = shared_floats(kThreads, kThreads * sizeof(float));
          now[t] = float(t + 100 * int(rank));
          sync_cluster();
          for (int step = 0; step < kSteps; step++) {
            float* peer = ptx::in_block(next, (rank + 1) % kBlocks);
            peer[t] = now[t] + 1;  // pass on to the right ...
            sync_cluster();
            now[t] = next[t] + ptx::in_block(next + t, rank ^ 1)[0] * 0;  // ... and look at a neighbour
            sync_cluster();
          }
          sums[blockIdx.x * kThreads + t] = now[t];
        },
        2 * kBlocks, kThreads, 2 * kThreads * sizeof(float), {false, kBlocks});
    for (int i = 0; i < int(sums.size()); i++) {
      const int rank = i / kThreads % kBlocks, t = i % kThreads;
      EXPECT_EQ(sums[i], float(t + 100 * ((rank + 3 * kSteps) % kBlocks) + kSteps));
    }
  });
}

TEST_F(Clusters, AnotherBlocksMemoryBeginsAsNaNToo) {
  run(
      [] {
        float* mine = shared_floats(4);
        EXPECT_TRUE(std::isnan(ptx::in_block(mine, 1 - ptx::cluster_rank())[3]));
        EXPECT_EQ(ptx::in_block(mine + 2, ptx::cluster_rank()), mine + 2);
        sync_cluster();
      },
      2, 1, 16, kPairs);
}

TEST_F(Clusters, WorkFitsBetweenArrivalAndWaiting) {
  in_every_order([] {
    run(
        [] {
          float* mine = shared_floats(2);
          for (int i = 0; i < 4; i++) {
            ptx::in_block(mine, 1 - ptx::cluster_rank())[i % 2] = float(i);
            ptx::cluster_arrive();
            const float busy = float(i) * 2;
            ptx::cluster_wait();
            EXPECT_EQ(mine[i % 2] * 2, busy);
          }
          sync_cluster();
        },
        4, 1, 8, kPairs);
  });
}

TEST_F(Clusters, RanksEndWithTheCluster) {
  EXPECT_HAS(fault_of([] { ptx::in_block(shared_floats(1), 2); }, 2, 1, 4, kPairs),
             ": the cluster has 2 blocks, and none of rank 2");
  EXPECT_HAS(fault_of([] { ptx::in_block(shared_floats(1), 1); }, 2, 1, 4), "none of rank 1");
}

TEST_F(Clusters, OnlySharedMemoryIsInEveryBlock) {
  float number = 0;
  EXPECT_HAS(fault_of([&] { ptx::in_block(&number, 1); }, 2, 1, 4, kPairs),
             "not an address in the shared memory of its block");
  const auto differ = [] {
    float* mine = shared_floats(1 + int(blockIdx.x));
    sync_cluster();
    ptx::in_block(mine, 1 - blockIdx.x);
  };
  EXPECT_HAS(fault_of(differ, 2, 1, 8, kPairs), "the array has 8 bytes, but 4 in the block of rank 0");
}

TEST_F(Clusters, ABlockThatHasEndedHasNoMemory) {
  const auto kernel = [] {
    float* mine = shared_floats(1);
    sync_cluster();
    if (ptx::cluster_rank() == 0) ptx::in_block(mine, 1);  // block 1 came last, and goes on first
  };
  EXPECT_HAS(fault_of(kernel, 2, 1, 4, kPairs), "distributed shared memory of a block that has ended");
}

TEST_F(Clusters, AThreadThatEndsIsMissed) {
  const auto kernel = [] {
    if (blockIdx.x == 1 && threadIdx.x == 2) return;
    sync_cluster();
  };
  const std::string fault = fault_of(kernel, 2, 4, 0, kPairs);
  EXPECT_HAS(fault, "deadlock: thread 0 of block 0, 0 waits at ");
  EXPECT_HAS(fault, "cluster_test.cc:");
  EXPECT_HAS(fault, "thread 2 of block 1, 0 has ended");
}

TEST_F(Clusters, BarriersHaveTwoHalvesInTurn) {
  EXPECT_HAS(fault_of([] { ptx::cluster_wait(); }, 2, 1, 0, kPairs), line(0) + " without having arrived");
  EXPECT_HAS(fault_of([] { ptx::cluster_arrive(), ptx::cluster_arrive(); }, 2, 1, 0, kPairs),
             "again, without having waited since ");
}

TEST_F(Clusters, AWarpArrivesInOnePlace) {
  const auto kernel = [] {
    if (threadIdx.x == 0)
      ptx::cluster_arrive();
    else
      ptx::cluster_arrive();
    ptx::cluster_wait();
  };
  EXPECT_HAS(fault_of(kernel, 2, 2, 0, kPairs), "divergent barrier of a cluster: thread 0 of block 0, 0");
}

TEST_F(Grids, BarrierAcrossAllBlocks) {
  in_every_order([] {
    std::vector<int> numbers(5 * 40), sums(5 * 40);
    run(
        [&] {
          const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
          for (int step = 1; step <= 3; step++) {
            numbers[i] = int(i) * step;
            cooperative_groups::this_grid().sync();
            sums[i] = std::accumulate(numbers.begin(), numbers.end(), 0);
            EXPECT_EQ(sums[i], 199 * 100 * step);
            cooperative_groups::this_grid().sync();
          }
          cooperative_groups::this_thread_block().sync();
        },
        5, 40, 0, kCooperative);
  });
}

TEST_F(Grids, BarrierNeedsACooperativeLaunch) {
  EXPECT_HAS(fault_of([] { cooperative_groups::this_grid().sync(); }, 2, 4), line(0) + ": not a cooperative launch");
}

TEST_F(Grids, AThreadThatEndsIsMissed) {
  const auto kernel = [] {
    if (blockIdx.x != 1) cooperative_groups::this_grid().sync();
  };
  EXPECT_HAS(fault_of(kernel, 3, 4, 0, kCooperative), line(-2) + ", but thread 0 of block 1, 0 has ended");
}

#ifndef SIMT_TSAN
TEST_F(Grids, AllBlocksRunTogetherHoweverMany) {
  uint32_t counter = 0;
  run(
      [&] {
        ptx::signal(&counter);
        while (ptx::poll(&counter) < 600) {
        }
      },
      600, 1, 0, kCooperative);
}
#else
TEST_F(Grids, MoreThreadsThanThreadSanitizerCanAreRefused) {
  EXPECT_HAS(fault_of([] {}, 5, 1024, 0, kCooperative), "5120 threads must run together, but under ThreadSanitizer");
  EXPECT_HAS(fault_of([] {}, 8, 1024, 0, {false, 8}), "8192 threads must run together, but under ThreadSanitizer");
}
#endif

// A barrier of all blocks by a counter: what was written before it is seen after it.
void counted_barrier(uint32_t* counter, uint32_t target) {
  __syncthreads();
  if (threadIdx.x == 0) {
    ptx::signal(counter);
    while (ptx::poll(counter) < target) {
    }
  }
  __syncthreads();
}

TEST_F(Grids, SignalAndPoll) {
  in_every_order([] {
    constexpr int kBlocks = 6, kThreads = 40;
    std::vector<int> numbers(kBlocks * kThreads);
    uint32_t counter = 0;
    run(
        [&] {
          const unsigned i = blockIdx.x * kThreads + threadIdx.x;
          for (unsigned step = 1; step <= 4; step++) {
            numbers[i] = int(step * i);
            counted_barrier(&counter, kBlocks * (2 * step - 1));
            const unsigned other = (i + 57) % (kBlocks * kThreads);
            EXPECT_EQ(numbers[other], int(step * other));
            counted_barrier(&counter, kBlocks * 2 * step);
          }
        },
        kBlocks, kThreads, 0, kCooperative);
    EXPECT_EQ(counter, 48u);
  });
}

TEST_F(Grids, ACounterMayBePolledAgainWhenItIsDone) {
  in_every_order([] {
    uint32_t counter = 0;
    int numbers[20] = {}, seen = 0;
    run(
        [&] {
          for (unsigned i = 0; i < 20; i++) {
            if (blockIdx.x == 0) {
              numbers[i] = int(i);
              ptx::signal(&counter);
            } else {
              while (ptx::poll(&counter) <= i) {
              }
              seen += numbers[i];
            }
          }
        },
        2, 1, 0, kCooperative);
    EXPECT_EQ(seen, 190);
  });
}

TEST_F(Grids, PollingInVainIsADeadlock) {
  in_every_order([] {
    uint32_t counter = 0;
    const auto kernel = [&] { counted_barrier(&counter, gridDim.x + 1); };
    const std::string fault = fault_of(kernel, 3, 8, 0, kCooperative);
    EXPECT_HAS(fault, "deadlock: thread ");
    EXPECT_HAS(fault, "polls at ");
    EXPECT_HAS(fault, "cluster_test.cc:");
    EXPECT_HAS(fault, "what is there stays 3");
  });
}

TEST_F(Grids, BlocksThatDoNotRunTogetherWaitInVain) {
  uint32_t counter = 0;
  const auto kernel = [&] { counted_barrier(&counter, gridDim.x); };
  EXPECT_HAS(fault_of(kernel, 5, 1024), "2 of the 5 blocks run together");
}

TEST_F(Grids, AtomicOperations) {
  in_every_order([] {
    int count = 0, last = -1;
    unsigned most = 0, tickets = 0, exclusive = 7;
    float sum = 0;
    run(
        [&] {
          const unsigned i = blockIdx.x * 50 + threadIdx.x;
          atomicAdd(&count, 2);
          atomicAdd(&tickets, 1u);
          atomicAdd(&sum, 0.5f);
          atomicMax(&most, i * 3);
          atomicExch(&last, int(i));
          if (atomicCAS(&exclusive, 7u, i + 100) == 7u) {
            EXPECT_EQ(atomicCAS(&exclusive, 7u, 0u), i + 100);
          }
        },
        3, 50, 0);
    run([&] { EXPECT_EQ(__ldg(&count), 300); }, 2, 3, 0);
    EXPECT_EQ(tickets, 150u);
    EXPECT_EQ(sum, 75);
    EXPECT_EQ(most, 447u);
    EXPECT_TRUE(last >= 0 && last < 150);
    EXPECT_TRUE(exclusive >= 100 && exclusive < 250);
  });
}

TEST_F(Grids, TheLastBlockSeesWhatAllWroteBeforeTheirFences) {
  in_every_order([] {
    std::vector<int> parts(9);
    unsigned finished = 0;
    int sum = 0;
    run(
        [&] {
          parts[blockIdx.x] = int(blockIdx.x);
          __threadfence();
          if (atomicAdd(&finished, 1u) + 1 < gridDim.x) return;
          __threadfence();
          sum = std::accumulate(parts.begin(), parts.end(), 0);
        },
        9, 1, 0);
    EXPECT_EQ(sum, 36);
  });
}

TEST_F(Grids, WhoSpinsWithAtomicOperationsLetsOthersRun) {
  unsigned turn = 0;
  run(
      [&] {
        while (atomicAdd(&turn, 0u) != blockIdx.x) {
        }
        atomicAdd(&turn, 1u);
      },
      4, 1, 0);
  EXPECT_EQ(turn, 4u);
}

}  // namespace
}  // namespace simt
