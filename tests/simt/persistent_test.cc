// The persistent kernels, executed on the CPU: every cell, exchange and number type, spread over several blocks.
#include <stdexcept>

#include "all_cells.h"
#include "cuda/rnn_persistent.cuh"
#include "rnn_run.h"

namespace fastlm {
namespace {

using cuda::DeviceLimits;
using cuda::Exchange;
using cuda::PersistentPlan;
using Sizes = std::vector<int64_t>;

#ifdef SIMT_TSAN
constexpr bool kThorough = false;  // races do not depend on the numbers, but each run is ten times as slow
#else
constexpr bool kThorough = true;
#endif

constexpr DeviceLimits kH100{132, 232448, 9, true}, kA100{108, 166912, 8, true}, kRtx5090{170, 101376, 12, true};

struct Choice {
  Exchange exchange;
  int64_t blocks;
  bool many;  // rows of a row group
};
const std::vector<Choice> kChoices{{Exchange::kBlock, 1, false},  {Exchange::kBlock, 1, true},
                                   {Exchange::kCluster, 2, true}, {Exchange::kCluster, 4, false},
                                   {Exchange::kGrid, 3, true},    {Exchange::kGrid, 2, false}};

template <class Cell, class T>
void expect_right(const Case<Cell>& c, const Choice& choice, int random_orders = kThorough ? 2 : 1) {
  SCOPED_TRACE(testing::Message() << "exchange " << int(choice.exchange) << " of " << choice.blocks << " blocks, "
                                  << (choice.many ? "many" : "few") << " rows");
  const int rows = choice.many ? cuda::many_rows(sizeof(T)) : cuda::kFewRows;
  struct alignas(16) Piece {
    unsigned char bytes[16];
  };
  const auto with_plan = [&](bool backward, const auto& launch) {
    const auto plan =
        plan_exchange({c.batch, c.hidden, c.outputs, Cell::kGates, Cell::kStates, int(sizeof(T)), backward}, kH100,
                      choice.exchange, rows, choice.blocks);
    if (!plan) throw std::logic_error("does not fit");
    std::vector<Piece> workspace(plan->workspace_bytes / sizeof(Piece));
    std::fill_n(reinterpret_cast<unsigned char*>(workspace.data()), plan->workspace_bytes, 0xFF);
    launch(*plan, workspace.data());
  };
  expect_right<Cell, T>(
      c,
      [&](const cuda::Forward<T>& f) {
        with_plan(false, [&](const PersistentPlan& plan, void* workspace) {
          cuda::launch_persistent_forward<Cell>(f, plan, workspace, nullptr);
        });
      },
      [&](const cuda::Backward<T>& b) {
        with_plan(true, [&](const PersistentPlan& plan, void* workspace) {
          cuda::launch_persistent_backward<Cell>(b, plan, workspace, nullptr);
        });
      },
      random_orders);
}

template <class Cell, class T>
struct Pair {
  using cell = Cell;
  using number = T;
};
template <class Pair>
class SimtPersistent : public testing::Test {};
using Pairs = testing::Types<Pair<Elman<Tanh>, float>, Pair<Elman<Tanh>, double>, Pair<Elman<Tanh>, __half>,
                             Pair<Elman<Tanh>, __nv_bfloat16>, Pair<Elman<Relu>, float>, Pair<Elman<Relu>, double>,
                             Pair<Elman<Relu>, __half>, Pair<Elman<Relu>, __nv_bfloat16>, Pair<Lstm, float>,
                             Pair<Lstm, double>, Pair<Lstm, __half>, Pair<Lstm, __nv_bfloat16>, Pair<Gru, float>,
                             Pair<Gru, double>, Pair<Gru, __half>, Pair<Gru, __nv_bfloat16>, Pair<BusyCell, float>,
                             Pair<BusyCell, double>, Pair<BusyCell, __half>, Pair<BusyCell, __nv_bfloat16>>;
TYPED_TEST_SUITE(SimtPersistent, Pairs);

TYPED_TEST(SimtPersistent, AnySizes) {
  using Cell = typename TypeParam::cell;
  using T = typename TypeParam::number;
  unsigned seed = 1;
  const std::vector<Sizes> all_sizes =
      kThorough ? std::vector<Sizes>{{2, 2, 2}, {1}, {5, 3, 3, 1}, {9, 9}, {4, 1, 1}} : std::vector<Sizes>{{9, 3, 1}};
  for (const Choice& choice : kChoices)
    for (const Sizes& sizes : all_sizes)
      for (const int64_t hidden : kThorough ? Sizes{1, 3, 33} : Sizes{33}) {
        const bool reverse = seed % 2;
        expect_right<Cell, T>(Case<Cell>(sizes, hidden, reverse, {}, seed++), choice);
      }
}

TYPED_TEST(SimtPersistent, TwentyOrders) {
  if (!kThorough) GTEST_SKIP() << "a race is one in every order";
  for (const Choice& choice : kChoices)
    expect_right<typename TypeParam::cell, typename TypeParam::number>(
        Case<typename TypeParam::cell>({5, 3, 1}, 33, choice.many), choice, 20);
}

// Weights of which most are in shared memory, lanes that only help, and the most units of a block.
TYPED_TEST(SimtPersistent, ManyUnits) {
  using Cell = typename TypeParam::cell;
  using T = typename TypeParam::number;
  // all blocks of a grid run together: under TSan not more than 4,096 threads can
  const Case<Cell> c(kThorough ? Sizes{3, 3, 2} : Sizes{2, 1}, 130, false, {}, 7);
  for (const Choice& choice : {Choice{Exchange::kCluster, sizeof(T) == 8 ? 4 : 2, true}, {Exchange::kGrid, 5, false}})
    expect_right<Cell, T>(c, choice);
  if (kThorough && sizeof(T) < 8)
    expect_right<Cell, T>(Case<Cell>({9, 2}, 128, true, {}, 8), {Exchange::kBlock, 1, true});
}

TYPED_TEST(SimtPersistent, Options) {
  using Cell = typename TypeParam::cell;
  if (std::is_same_v<Cell, BusyCell>) GTEST_SKIP() << "the oracle has no options for it";
  unsigned seed = 1;
  for (const CaseOptions& options : {CaseOptions{.optional = false},
                                     {.mask = true, .states = true, .zoneout = 0.3, .clip = 0.4},
                                     {.zoneout = 0.2, .random = false}})
    for (const Choice& choice : kChoices)
      if (kThorough || choice.many) {
        const bool reverse = seed % 2;
        expect_right<Cell, typename TypeParam::number>(Case<Cell>({9, 5, 2}, 35, reverse, options, seed++), choice);
      }
}

TEST(PersistentPlan, FitsTheDeviceAndCoversTheUnits) {
  for (const DeviceLimits& limits : {kA100, kH100, kRtx5090, DeviceLimits{1, 49152, 9, true}})
    for (const int64_t batch : {1, 2, 3, 31, 64, 1000, 100000})
      for (const int64_t hidden : {1, 31, 33, 128, 129, 200, 256, 512, 650, 1024, 5000})
        for (const int gates : {1, 2, 3, 4})
          for (const int bytes : {2, 4, 8})
            for (const bool backward : {false, true}) {
              const auto plan = plan_persistent({batch, hidden, hidden, gates, 2, bytes, backward}, limits);
              if (!plan) continue;
              SCOPED_TRACE(testing::Message() << "B " << batch << ", H " << hidden << ", G " << gates << ", " << bytes
                                              << " bytes, " << limits.multiprocessors << " multiprocessors");
              EXPECT_LE(plan->shared_bytes, limits.shared_bytes);
              EXPECT_LE(plan->threads, cuda::kPersistentThreads);
              EXPECT_EQ(plan->threads % 32, 0);
              EXPECT_GE(plan->units_of_block * plan->blocks, hidden);
              EXPECT_GE(plan->threads, plan->units_of_block * cuda::kQuarters);
              EXPECT_GE(plan->row_groups * plan->rows, batch);
              EXPECT_GE(plan->depth, backward ? gates * hidden : hidden);
              EXPECT_TRUE(plan->exchange != Exchange::kBlock || plan->blocks == 1);
              EXPECT_TRUE(plan->exchange != Exchange::kCluster ||
                          (limits.major >= 9 && plan->blocks <= (limits.major == 12 ? 8 : 16)));
              EXPECT_TRUE(plan->exchange != Exchange::kGrid ||
                          plan->blocks * plan->row_groups <= limits.multiprocessors);
            }
}

TEST(PersistentPlan, PrefersTheNearestExchange) {
  const auto exchange = [](const cuda::RnnShape& shape, const DeviceLimits& limits) {
    const auto plan = plan_persistent(shape, limits);
    return plan ? int(plan->exchange) : -1;
  };
  EXPECT_EQ(exchange({64, 128, 128, 4, 2, 4, false}, kH100), int(Exchange::kBlock));
  EXPECT_EQ(exchange({64, 128, 128, 4, 2, 4, true}, kH100), int(Exchange::kBlock));
  EXPECT_EQ(exchange({64, 512, 512, 1, 1, 4, false}, kH100), int(Exchange::kCluster));
  EXPECT_EQ(exchange({8, 512, 512, 4, 2, 4, false}, kA100), int(Exchange::kGrid));
  EXPECT_EQ(exchange({8, 1024, 1024, 4, 2, 4, false}, kH100), int(Exchange::kGrid));
  EXPECT_EQ(exchange({8, 1024, 1024, 4, 2, 4, true}, kH100), -1) << "weights and gradients of 8 rows do not fit";
  EXPECT_EQ(exchange({100000, 1024, 1024, 4, 2, 4, false}, kH100), -1) << "not all groups at a time";
  EXPECT_EQ(exchange({8, 128, 64, 4, 2, 4, false}, kH100), -1) << "projected";
}

}  // namespace
}  // namespace fastlm
