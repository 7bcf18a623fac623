// Asynchronous copies to shared memory: they land when they are waited for, and not before one may count on it.
#include <cuda_runtime.h>

#include <cmath>
#include <vector>

#include "cuda/ptx.cuh"
#include "simt_test.h"

namespace simt {
namespace {

namespace ptx = fastlm::cuda::ptx;
using AsyncCopies = SimtTest;

struct alignas(16) Four {
  float v[4];
};

Four* shared_fours(int count) { return static_cast<Four*>(shared_array(0, count * int64_t(sizeof(Four)))); }

TEST_F(AsyncCopies, LandWhenWaitedFor) {
  in_every_order([] {
    std::vector<Four> input(3);
    for (int i = 0; i < 12; i++) input[i / 4].v[i % 4] = float(i);
    run(
        [&] {
          Four* shared = shared_fours(3);
          for (int i = 0; i < 3; i++) {
            ptx::copy_async(&shared[i], &input[i]);
            ptx::commit_async();
          }
          ptx::wait_async<1>();
          for (int i = 0; i < 8; i++) EXPECT_EQ(shared[i / 4].v[i % 4], float(i));
          ptx::wait_async<0>();
          for (int i = 8; i < 12; i++) EXPECT_EQ(shared[i / 4].v[i % 4], float(i));
        },
        1, 1, 48);
  });
}

TEST_F(AsyncCopies, AreNaNUntilThen) {
  const Four input{{1, 2, 3, 4}};
  const auto kernel = [&] {
    Four* shared = shared_fours(2);
    shared[0] = shared[1] = input;
    ptx::copy_async(&shared[0], &input);
    ptx::commit_async();
    ptx::copy_async(&shared[1], &input);
    ptx::wait_async<1>();
    EXPECT_TRUE(std::isnan(shared[0].v[2])) << "the last group may be under way";
    ptx::wait_async<0>();
    EXPECT_EQ(shared[0].v[2], 3);
    EXPECT_TRUE(std::isnan(shared[1].v[2])) << "was never committed";
  };
  run(kernel, 1, 1, 32);
  settings().order = Order::kReverse;
  run(kernel, 1, 1, 32);
}

TEST_F(AsyncCopies, MayLandEarly) {
  int early = 0;
  settings().order = Order::kRandom;
  for (settings().seed = 0; settings().seed < 100; settings().seed++)
    run(
        [&] {
          const Four input{{1, 2, 3, 4}};
          Four* shared = shared_fours(1);
          ptx::copy_async(shared, &input);
          early += !std::isnan(shared->v[0]);
        },
        1, 1, 16);
  EXPECT_GT(early, 5);
  EXPECT_LT(early, 60);
}

TEST_F(AsyncCopies, AreSeenByOthersAfterABarrier) {  // for ThreadSanitizer too
  in_every_order([] {
    std::vector<Four> input(64 * 6);
    for (size_t i = 0; i < input.size(); i++) input[i].v[1] = float(i);
    run(
        [&] {
          Four* shared = shared_fours(128);
          const unsigned t = threadIdx.x;
          ptx::copy_async(&shared[t], &input[t]);
          ptx::commit_async();
          for (unsigned step = 0; step < 6; step++) {
            if (step < 5) ptx::copy_async(&shared[(step + 1) % 2 * 64 + t], &input[(step + 1) * 64 + t]);
            ptx::commit_async();
            ptx::wait_async<1>();
            __syncthreads();
            EXPECT_EQ(shared[step % 2 * 64 + (t ^ 33)].v[1], float(step * 64 + (t ^ 33)));
            __syncthreads();
          }
        },
        1, 64, 128 * sizeof(Four));
  });
}

TEST_F(AsyncCopies, BeginAndEndOnMultiplesOf16) {
  const Four input[2] = {};
  EXPECT_HAS(fault_of([&] { ptx::copy_async(&shared_fours(2)->v[1], input); }, 1, 1, 32),
             line(0) + ": an asynchronous");
  EXPECT_HAS(fault_of([&] { ptx::copy_async(shared_fours(2), &input[0].v[2]); }, 1, 1, 32), "misaligned address");
}

TEST_F(AsyncCopies, GoToSharedMemoryOfTheBlock) {
  Four input[2] = {};
  EXPECT_HAS(fault_of([&] { ptx::copy_async(&input[0], &input[1]); }, 1, 1, 32), "not shared memory of the block");
  const auto to_peer = [&] { ptx::copy_async(ptx::in_block(shared_fours(1), 1 - ptx::cluster_rank()), input); };
  EXPECT_HAS(fault_of(to_peer, 2, 1, 16, kPairs), "not shared memory of the block");
}

}  // namespace
}  // namespace simt
