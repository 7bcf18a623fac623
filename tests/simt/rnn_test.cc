// The CUDA recurrence, executed on the CPU, against plain loops: every cell, both regimes, any order of the threads.
#include <gtest/gtest.h>

#include "all_cells.h"
#include "rnn_run.h"

namespace fastlm {
namespace {

using cuda::DeviceLimits;
using simt::Order;
using Sizes = std::vector<int64_t>;

#ifdef SIMT_TSAN
constexpr bool kThorough = false;  // races do not depend on the numbers, but each run is ten times as slow
#else
constexpr bool kThorough = true;
#endif

constexpr DeviceLimits kLarge{132, 232448};       // an H100
constexpr DeviceLimits kOneProcessor{1, 232448};  // large tiles for small batches
constexpr DeviceLimits kNoShared{132, 0};         // nothing fits: a launch a step

// Just enough for the exchange and a few rows of the weights.
template <class Cell, class T>
DeviceLimits cramped(int64_t hidden) {
  const int64_t rows = cuda::many_rows(Cell::kGates, sizeof(T));
  return {1, int64_t(sizeof(T)) * (2 * Cell::kGates * hidden * rows + 5 * (Cell::kGates * hidden + 1)) + 64};
}

void set_order(Order order, uint64_t seed = 0) {
  simt::settings().order = order;
  simt::settings().seed = seed;
}

template <class Cell, class T>
void expect_right(const Problem<Cell>& problem, const DeviceLimits& limits) {
  set_order(Order::kForward);
  const RnnRun<Cell, T> first(problem, limits);
  EXPECT_EQ(first.complaint(), "");
  set_order(Order::kReverse);
  EXPECT_TRUE(first.same_bits(RnnRun<Cell, T>(problem, limits))) << "reverse";
  for (uint64_t seed = 1; seed <= (kThorough ? 4 : 1); seed++) {
    set_order(Order::kRandom, seed);
    EXPECT_TRUE(first.same_bits(RnnRun<Cell, T>(problem, limits))) << "random " << seed;
  }
}

template <class Cell>
class SimtRnn : public testing::Test {};
TYPED_TEST_SUITE(SimtRnn, AllCells);

TYPED_TEST(SimtRnn, EqualsPlainLoops) {
  unsigned seed = 1;
  const std::vector<Sizes> all_sizes{{2, 2, 2}, {1}, {1, 1, 1, 1}, {13, 13}, {5, 3, 3, 1}, {4, 1, 1}};
  const Sizes all_hidden = kThorough ? Sizes{1, 3, 32, 33, 70} : Sizes{3, 33};
  for (const Sizes& sizes : all_sizes)
    for (int64_t hidden : all_hidden)
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(testing::Message() << "T " << sizes.size() << ", B " << sizes[0] << ", H " << hidden
                                        << (reverse ? ", reverse" : ""));
        Problem<TypeParam> problem(sizes, hidden, reverse, seed++);
        problem.solve();
        for (const DeviceLimits& limits : {kLarge, kOneProcessor, cramped<TypeParam, float>(hidden), kNoShared})
          expect_right<TypeParam, float>(problem, limits);
        if (kThorough)
          for (const DeviceLimits& limits : {kOneProcessor, cramped<TypeParam, double>(hidden), kNoShared})
            expect_right<TypeParam, double>(problem, limits);
      }
}

// More than one piece of the depth in the step regime, more than one warp's worth of columns in the persistent one.
TEST(SimtRnnLarge, SeveralPieces) {
  Problem<BusyCell> problem({3, 2, 1}, 150, true, 5);
  problem.solve();
  for (const DeviceLimits& limits : {kLarge, cramped<BusyCell, float>(150), kNoShared})
    expect_right<BusyCell, float>(problem, limits);
}

TEST(SimtRnnLarge, TheRegimesThatAreMeantAreRun) {
  Problem<Elman<Tanh>> problem({9, 4}, 40, false, 5);
  problem.solve();
  using Run = RnnRun<Elman<Tanh>, float>;
  EXPECT_EQ(Run(problem, kLarge).regime, cuda::Regime::kPersistent);
  EXPECT_EQ(Run(problem, cramped<Elman<Tanh>, float>(40)).regime, cuda::Regime::kPersistent);
  EXPECT_EQ(Run(problem, kNoShared).regime, cuda::Regime::kStep);
  const auto plan = cuda::plan_rnn({9, 40, 1, 4, false}, cramped<Elman<Tanh>, float>(40));
  EXPECT_GT(plan.resident, 0);
  EXPECT_LT(plan.resident, 40);
}

// Without biases, initial states, or a wish for their gradient: null pointers.
TEST(SimtRnnLarge, WhatIsNotGiven) {
  for (const DeviceLimits& limits : {kLarge, kNoShared}) {
    Problem<BusyCell> problem({4, 4, 2}, 20, false, 3);
    std::fill(problem.b_ih.begin(), problem.b_ih.end(), 0), std::fill(problem.b_hh.begin(), problem.b_hh.end(), 0);
    for (auto& state : problem.hx) std::fill(state.begin(), state.end(), 0);
    problem.solve();
    const RnnRun<BusyCell, double> run(problem, limits, false);
    EXPECT_EQ(run.complaint(), "");
  }
}

}  // namespace
}  // namespace fastlm
