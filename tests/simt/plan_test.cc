// The choice of a recurrence's kernels: what is planned fits each device, and is what is meant for well-known sizes.
#include <gtest/gtest.h>

#include "cuda/occupancy.h"
#include "cuda/rnn_plan.h"

namespace fastlm::cuda {
namespace {

DeviceLimits limits_of(const Device& device) {
  return {device.limits.multiprocessors, device.limits.shared_of_block, device.limits.capability / 10, true};
}

constexpr int kThreadRegisters = 128;  // as __launch_bounds__ of the persistent kernels allows

void expect_fits(const PersistentPlan& plan, const RnnShape& shape, const Device& device) {
  EXPECT_LE(plan.threads, kPersistentThreads);
  EXPECT_EQ(plan.threads % 32, 0);
  EXPECT_GE(plan.blocks * plan.units_of_block, shape.hidden);
  EXPECT_GE(plan.row_groups * plan.rows, shape.batch);
  EXPECT_LT((plan.row_groups - 1) * plan.rows, shape.batch);
  const BlockUse block{plan.threads, kThreadRegisters, plan.shared_bytes};
  EXPECT_GE(blocks_per_sm(device.limits, block), 1);
  if (plan.exchange == Exchange::kGrid) {
    EXPECT_LE(plan.blocks * plan.row_groups, resident_blocks(device.limits, block));
  }
  if (plan.exchange == Exchange::kCluster) {
    EXPECT_TRUE(cluster_fits(device.limits, block, int(plan.blocks)));
  }
}

TEST(Plan, FitsEveryDevice) {
  for (const Device& device : kDevices)
    for (const int64_t batch : {1, 2, 3, 31, 64, 1000, 100000})
      for (const int64_t hidden : {1, 31, 32, 33, 127, 128, 200, 256, 257, 512, 650, 1024, 5000})
        for (const int gates : {1, 2, 3, 4})
          for (const int bytes : {2, 4, 8})
            for (const bool backward : {false, true}) {
              SCOPED_TRACE(testing::Message() << device.name << ", B " << batch << ", H " << hidden << ", G " << gates
                                              << ", " << bytes << " bytes");
              const RnnShape shape{batch, hidden, hidden, gates, 2, bytes, backward};
              const RnnPlan plan = plan_rnn(shape, Precision::kExact, limits_of(device));
              if (const auto* persistent = std::get_if<PersistentPlan>(&plan))
                expect_fits(*persistent, shape, device);
              else
                EXPECT_LE(std::get<StepPlan>(plan).shared_bytes, device.limits.shared_of_block);
            }
}

// What is planned for an LSTM: an exchange, or nothing for a launch a step.
std::optional<Exchange> lstm(int64_t batch, int64_t hidden, int bytes, const char* name) {
  for (const Device& device : kDevices)
    if (std::string_view(device.name) == name) {
      const RnnPlan plan = plan_rnn({batch, hidden, hidden, 4, 2, bytes, false}, Precision::kExact, limits_of(device));
      if (const auto* persistent = std::get_if<PersistentPlan>(&plan)) return persistent->exchange;
      return {};
    }
  throw std::invalid_argument(name);
}

TEST(Plan, IsWhatIsMeant) {
  for (const char* device : {"A100", "H100"}) {
    EXPECT_EQ(lstm(32, 64, 4, device), Exchange::kBlock) << device;
    EXPECT_EQ(lstm(32, 128, 2, device), Exchange::kBlock) << device;
    EXPECT_EQ(lstm(512, 2048, 4, device), std::nullopt) << device;
    EXPECT_EQ(lstm(4096, 1024, 2, device), std::nullopt) << device;
  }
  EXPECT_EQ(lstm(8, 256, 4, "H100"), Exchange::kCluster);
  EXPECT_EQ(lstm(8, 512, 2, "H100"), Exchange::kCluster);
  EXPECT_EQ(lstm(2, 512, 4, "A100"), Exchange::kGrid);
}

TEST(Plan, LaunchesAStepWhereBlocksCannotMeet) {
  const auto plan = plan_rnn({8, 512, 512, 4, 2, 4, false}, Precision::kExact, {108, 166912, 8, false});
  EXPECT_TRUE(std::holds_alternative<StepPlan>(plan));
}

}  // namespace
}  // namespace fastlm::cuda
