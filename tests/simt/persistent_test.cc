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

constexpr DeviceLimits kH100{132, 232448, 9, true}, kA100{108, 166912, 8, true};

struct Choice {
  Exchange exchange;
  int64_t blocks;
  bool many;  // rows of a row group
};
const std::vector<Choice> kChoices{{Exchange::kBlock, 1, false},  {Exchange::kBlock, 1, true},
                                   {Exchange::kCluster, 2, true}, {Exchange::kCluster, 4, false},
                                   {Exchange::kGrid, 3, true},    {Exchange::kGrid, 2, false}};

template <class Cell, class T>
void expect_right(const Case<Cell>& c, const Choice& choice) {
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
      kThorough ? 2 : 1);
}

template <class Cell, class T>
struct Pair {
  using cell = Cell;
  using number = T;
};
template <class Pair>
class SimtPersistent : public testing::Test {};
using Pairs =
    testing::Types<Pair<Elman<Tanh>, float>, Pair<Elman<Tanh>, double>, Pair<Elman<Tanh>, __half>,
                   Pair<Elman<Tanh>, __nv_bfloat16>, Pair<Elman<Relu>, float>, Pair<Elman<Relu>, __half>,
                   Pair<Lstm, float>, Pair<Lstm, double>, Pair<Lstm, __half>, Pair<Lstm, __nv_bfloat16>,
                   Pair<Gru, float>, Pair<Gru, double>, Pair<Gru, __half>, Pair<Gru, __nv_bfloat16>,
                   Pair<BusyCell, float>, Pair<BusyCell, double>, Pair<BusyCell, __half>,
                   Pair<BusyCell, __nv_bfloat16>>;
TYPED_TEST_SUITE(SimtPersistent, Pairs);

TYPED_TEST(SimtPersistent, AnySizes) {
  using Cell = typename TypeParam::cell;
  using T = typename TypeParam::number;
  unsigned seed = 1;
  const std::vector<Sizes> all_sizes = kThorough ? std::vector<Sizes>{{2, 2, 2}, {1}, {5, 3, 3, 1}, {9, 9}, {4, 1, 1}}
                                                 : std::vector<Sizes>{{9, 3, 1}};
  for (const Choice& choice : kChoices)
    for (const Sizes& sizes : all_sizes)
      for (const int64_t hidden : kThorough ? Sizes{1, 3, 33} : Sizes{33}) {
        const bool reverse = seed % 2;
        expect_right<Cell, T>(Case<Cell>(sizes, hidden, reverse, {}, seed++), choice);
      }
}

// Weights of which most are in shared memory, lanes that only help, and the most units of a block.
TYPED_TEST(SimtPersistent, ManyUnits) {
  using Cell = typename TypeParam::cell;
  using T = typename TypeParam::number;
  const Case<Cell> c({3, 3, 2}, 130, false, {}, 7);
  for (const Choice& choice : {Choice{Exchange::kCluster, 2, true}, {Exchange::kGrid, 5, false}})
    expect_right<Cell, T>(c, choice);
  if (kThorough && sizeof(T) < 8)
    expect_right<Cell, T>(Case<Cell>({9, 2}, 128, true, {}, 8), {Exchange::kBlock, 1, true});
}

TYPED_TEST(SimtPersistent, Options) {
  using Cell = typename TypeParam::cell;
  if (std::is_same_v<Cell, BusyCell>) GTEST_SKIP() << "the oracle has no options for it";
  unsigned seed = 1;
  for (const CaseOptions& options :
       {CaseOptions{.optional = false}, {.mask = true, .states = true, .zoneout = 0.3, .clip = 0.4},
        {.zoneout = 0.2, .random = false}})
    for (const Choice& choice : kChoices)
      if (kThorough || choice.many) {
        const bool reverse = seed % 2;
        expect_right<Cell, typename TypeParam::number>(Case<Cell>({9, 5, 2}, 35, reverse, options, seed++), choice);
      }
}

}  // namespace
}  // namespace fastlm
