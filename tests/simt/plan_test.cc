// The planner: what it gives always fits, and is what is meant for well-known sizes and devices.
#include <gtest/gtest.h>

#include "cuda/rnn_plan.h"

namespace fastlm::cuda {
namespace {

constexpr DeviceLimits kA100{108, 166912}, kH100{132, 232448}, kRtx5090{170, 101376}, kT4{40, 65536};

TEST(Plan, AlwaysFitsTheDevice) {
  for (const DeviceLimits& limits : {kA100, kH100, kRtx5090, kT4, DeviceLimits{1, 49152}})
    for (const int64_t batch : {1, 2, 3, 31, 64, 1000, 100000})
      for (const int64_t hidden : {1, 31, 32, 33, 127, 128, 200, 256, 257, 512, 650, 1024, 5000})
        for (const int gates : {1, 2, 3, 4})
          for (const int bytes : {4, 8})
            for (const bool backward : {false, true}) {
              const RnnShape shape{batch, hidden, gates, bytes, backward};
              const RnnPlan plan = plan_rnn(shape, limits);
              SCOPED_TRACE(testing::Message() << "B " << batch << ", H " << hidden << ", G " << gates << ", " << bytes
                                              << " bytes, " << limits.shared_bytes << " of shared memory");
              EXPECT_LE(plan.shared_bytes, limits.shared_bytes);
              EXPECT_LE(plan.threads, 1024);
              EXPECT_EQ(plan.threads % 32, 0);
              EXPECT_TRUE(plan.rows == kFewRows || plan.rows == many_rows(gates, bytes));
              EXPECT_GE(plan.row_blocks * plan.rows, batch);
              EXPECT_LT((plan.row_blocks - 1) * plan.rows, batch);
              EXPECT_LE(plan.unit_blocks, 65535);
              if (plan.regime == Regime::kStep) {
                EXPECT_GE(plan.unit_blocks * kStepUnits, hidden);
                EXPECT_EQ(plan.packed_weights, backward ? 0 : gates * hidden * hidden);
              } else {
                EXPECT_GE(plan.threads, hidden);
                EXPECT_EQ(plan.packed_weights > 0, !backward && plan.resident < shape.depth());
              }
            }
}

TEST(Plan, KeepsTheWeightsWhereTheyFit) {
  for (const int64_t hidden : {1, 64, 128, 200}) {
    const RnnPlan plan = plan_rnn({32, hidden, 1, 4, false}, kH100);
    EXPECT_EQ(plan.regime, Regime::kPersistent);
    EXPECT_EQ(plan.resident, hidden);
    EXPECT_EQ(plan.packed_weights, 0);
  }
}

TEST(Plan, ReadsALittleFromL2RatherThanLaunchAStep) {
  const RnnPlan plan = plan_rnn({32, 256, 1, 4, false}, kH100);
  EXPECT_EQ(plan.regime, Regime::kPersistent);
  EXPECT_GT(plan.resident, 200);
  EXPECT_LT(plan.resident, 256);
  EXPECT_EQ(plan.packed_weights, 256 * 256);
}

TEST(Plan, LaunchesAStepWhereMostWouldNotFit) {
  EXPECT_EQ(plan_rnn({32, 512, 1, 4, false}, kH100).regime, Regime::kStep);
  EXPECT_EQ(plan_rnn({32, 256, 4, 4, false}, kH100).regime, Regime::kStep);
  EXPECT_EQ(plan_rnn({32, 256, 1, 4, false}, kRtx5090).regime, Regime::kStep);
  EXPECT_EQ(plan_rnn({1, 1024, 1, 8, true}, kH100).regime, Regime::kStep);
}

TEST(Plan, SpreadsASmallBatchOverTheProcessors) {
  EXPECT_EQ(plan_rnn({64, 128, 1, 4, false}, kH100).rows, kFewRows);
  EXPECT_EQ(plan_rnn({64, 128, 1, 4, false}, kH100).row_blocks, 32);
  EXPECT_EQ(plan_rnn({1024, 128, 1, 4, false}, kH100).rows, 8);
  EXPECT_EQ(plan_rnn({1024, 128, 1, 4, false}, kH100).row_blocks, 128);
}

}  // namespace
}  // namespace fastlm::cuda
