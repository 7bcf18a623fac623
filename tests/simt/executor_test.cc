// The executor itself: what runs, in which order, and that it finds what kernels do wrong.
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "simt_test.h"

namespace simt {
namespace {

using Executor = SimtTest;

// What threads did, in the order in which they did it; not a part of their program, and no race.
class Log {
 public:
  __attribute__((no_sanitize("thread"))) void add(unsigned entry) { entries_[count_++] = entry; }
  std::vector<unsigned> entries() const { return {entries_, entries_ + count_}; }

 private:
  unsigned entries_[40000], count_ = 0;
};

std::vector<unsigned> order_of_threads() {
  const auto log = std::make_unique<Log>();
  run(
      [&] {
        log->add(threadIdx.x);
        __syncthreads();
        log->add(threadIdx.x);
      },
      1, 5, 0);
  return log->entries();
}

TEST_F(Executor, RunsEveryThreadOnce) {
  const auto log = std::make_unique<Log>();
  const Extent grid(3, 2, 2), block(4, 3, 2);
  run(
      [&] {
        const unsigned b = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
        const unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
        log->add(b * unsigned(blockDim.size()) + t);
      },
      grid, block, 0);
  auto entries = log->entries();
  std::ranges::sort(entries);
  ASSERT_EQ(entries.size(), grid.size() * block.size());
  for (unsigned i = 0; i < entries.size(); i++) EXPECT_EQ(entries[i], i);
}

TEST_F(Executor, RunsMoreThreadsThanFibers) {
  const auto log = std::make_unique<Log>();
  run([&] { log->add(threadIdx.x); }, 30, 300, 0);
  EXPECT_EQ(log->entries().size(), 9000u);
}

TEST_F(Executor, ObeysTheOrder) {
  using Order_ = std::vector<unsigned>;
  EXPECT_EQ(order_of_threads(), (Order_{0, 1, 2, 3, 4, 0, 1, 2, 3, 4}));
  settings().order = Order::kReverse;
  EXPECT_EQ(order_of_threads(), (Order_{4, 3, 2, 1, 0, 4, 3, 2, 1, 0}));
  settings().order = Order::kRandom;
  std::set<Order_> orders;
  for (settings().seed = 0; settings().seed < 20; settings().seed++) {
    orders.insert(order_of_threads());
    EXPECT_EQ(order_of_threads(), order_of_threads()) << "the seed alone decides";
  }
  EXPECT_GT(orders.size(), 10u);
}

TEST_F(Executor, FindsABarrierThatNotAllReach) {
  const int line = __LINE__ + 1;
  const auto kernel = [] { threadIdx.x < 3 ? __syncthreads() : void(); };
  const std::string fault = fault_of(kernel, 2, 4);
  EXPECT_NE(fault.find("deadlock: thread 0 of block"), fault.npos) << fault;
  EXPECT_NE(fault.find("executor_test.cc:" + std::to_string(line) + ", but thread 3"), fault.npos) << fault;
}

TEST_F(Executor, FindsADivergentBarrier) {
  const auto kernel = [] {
    if (threadIdx.x == 1)
      __syncthreads();
    else
      __syncthreads();
  };
  EXPECT_NE(fault_of(kernel, 1, 4).find("divergent barrier: thread 0 of block 0, 0 waits at"), std::string::npos);
}

TEST_F(Executor, WorksAfterAFault) {
  for (int i = 0; i < 3; i++) {
    EXPECT_NE(fault_of([] { threadIdx.x == 0 ? __syncthreads() : void(); }, 1, 64), "none");
    EXPECT_EQ(fault_of([] { __syncthreads(); }, 3, 64), "none");
  }
}

TEST_F(Executor, SharedMemoryBeginsAsNaNAndBelongsToABlock) {
  run(
      [] {
        auto* numbers = static_cast<float*>(shared_array(0, 4 * sizeof(float)));
        EXPECT_TRUE(std::isnan(numbers[threadIdx.x]));
        numbers[threadIdx.x] = float(blockIdx.x);
        __syncthreads();
        EXPECT_EQ(numbers[3 - threadIdx.x], float(blockIdx.x));
      },
      3, 4, 16);
}

TEST_F(Executor, FindsSharedMemoryThatWasNotLaunchedOrDiffers) {
  EXPECT_NE(fault_of([] { shared_array(16, 8); }, 1, 1, 20).find("takes shared memory up to byte 24 of 20"),
            std::string::npos);
  EXPECT_NE(fault_of([] { shared_array(0, 4 + threadIdx.x); }, 1, 2, 20).find("where another thread took 4"),
            std::string::npos);
}

}  // namespace
}  // namespace simt
