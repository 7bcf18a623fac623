// The step regime, executed on the CPU: every cell with a matrix, every option, number type and tile of its product.
#include <type_traits>

#include "all_cells.h"
#include "cuda/rnn_step.cuh"
#include "rnn_run.h"

namespace fastlm {
namespace {

using cuda::DeviceLimits;
using cuda::Precision;
using Sizes = std::vector<int64_t>;

#ifdef SIMT_TSAN
constexpr bool kThorough = false;  // races do not depend on the numbers, but each run is ten times as slow
#else
constexpr bool kThorough = true;
#endif

constexpr DeviceLimits kMany{132, 232448};  // an H100: small tiles
constexpr DeviceLimits kOne{1, 232448};     // large tiles

template <class T, Precision kGiven>
struct Kind {
  using Number = T;
  static constexpr Precision kPrecision = kGiven;
  static constexpr bool kTensor = cuda::through_tensor_cores(sizeof(T), kGiven);

  template <class Cell>
  static constexpr double tolerance() {
    const bool rounds = sizeof(T) == 4 && kTensor;  // its factors, to 10 bits
    return rounds ? 2e-3 : RnnRun<Cell, T>::default_tolerance();
  }
};

template <class Cell, class Kind>
cuda::StepPlan plan_of(const Case<Cell>& c, const DeviceLimits& limits, bool backward) {
  return cuda::plan_step(
      {c.batch, c.hidden, c.outputs, Cell::kGates, Cell::kStates, int(sizeof(typename Kind::Number)), backward},
      Kind::kPrecision, limits);
}

// Memory that begins on a multiple of 16 bytes but on no more, with NaN in it.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : bytes_(bytes + 16, char(0xFF)) {}
  void* data() { return bytes_.data() + (reinterpret_cast<uintptr_t>(bytes_.data()) % 32 == 0 ? 16 : 0); }

 private:
  std::vector<char> bytes_;
};

template <class Kind, class Cell>
void launch_forward(const Case<Cell>& c, const DeviceLimits& limits, const cuda::Forward<typename Kind::Number>& args) {
  const auto plan = plan_of<Cell, Kind>(c, limits, false);
  Workspace workspace(plan.workspace_bytes);
  cuda::launch_step_forward<Cell>(args, plan, workspace.data(), nullptr);
}

template <class Kind, class Cell>
void launch_backward(const Case<Cell>& c, const DeviceLimits& limits,
                     const cuda::Backward<typename Kind::Number>& args) {
  const auto plan = plan_of<Cell, Kind>(c, limits, true);
  Workspace workspace(plan.workspace_bytes);
  cuda::launch_step_backward<Cell>(args, plan, workspace.data(), nullptr);
}

template <class Kind, class Cell>
void expect_right_in_steps(const Case<Cell>& c, const DeviceLimits& limits, int random_orders = kThorough ? 1 : 0) {
  using T = typename Kind::Number;
  SCOPED_TRACE(testing::Message() << (Kind::kTensor ? "tensor cores, " : "") << limits.multiprocessors
                                  << " multiprocessors");
  expect_right<Cell, T>(
      c, [&](const cuda::Forward<T>& f) { launch_forward<Kind>(c, limits, f); },
      [&](const cuda::Backward<T>& b) { launch_backward<Kind>(c, limits, b); }, random_orders,
      Kind::template tolerance<Cell>());
}

template <class Kind>
class SimtStep : public testing::Test {
 protected:
  // Of every cell that has a matrix: function(Cell()).
  template <class Function>
  static void for_cells(Function&& function) {
    function(Elman<Tanh>()), function(Elman<Relu>()), function(Lstm()), function(Gru()), function(BusyCell());
  }
};

using Kinds =
    testing::Types<Kind<float, Precision::kExact>, Kind<double, Precision::kExact>, Kind<float, Precision::kTf32>,
                   Kind<__half, Precision::kExact>, Kind<__nv_bfloat16, Precision::kExact>>;
TYPED_TEST_SUITE(SimtStep, Kinds);

TYPED_TEST(SimtStep, EqualsTheEngine) {
  unsigned seed = 1;
  const std::vector<Sizes> all_sizes{{5, 3, 3, 1}, {17, 1}, {2, 2, 2}, {1}};
  for (const Sizes& sizes : std::span(all_sizes).first(kThorough ? 4 : 2))
    for (const int64_t hidden : kThorough ? Sizes{1, 3, 33, 70} : Sizes{9})
      TestFixture::for_cells([&]<class Cell>(Cell) {
        const Case<Cell> c(sizes, hidden, seed / 2 % 2, {}, seed);
        expect_right_in_steps<TypeParam>(c, seed++ % 2 ? kMany : kOne);
      });
}

TYPED_TEST(SimtStep, TwentyOrders) {
  if (!kThorough) GTEST_SKIP() << "a race is one in every order";
  for (const bool reverse : {false, true})
    TestFixture::for_cells([&]<class Cell>(Cell) {
      expect_right_in_steps<TypeParam>(Case<Cell>({5, 3, 1}, 33, reverse), reverse ? kMany : kOne, 20);
    });
}

TYPED_TEST(SimtStep, KnowsTheOptions) {
  if (!kThorough) return;
  const std::vector<CaseOptions> choices{{.optional = false},
                                         {.mask = true, .zoneout = 0.3, .clip = 0.4},
                                         {.states = true, .zoneout = 0.2, .random = false},
                                         {.mask = true, .states = true}};
  unsigned seed = 1;
  for (const CaseOptions& options : choices)
    for (const bool reverse : {false, true})
      TestFixture::for_cells([&]<class Cell>(Cell) {
        if constexpr (std::is_same_v<Cell, BusyCell>) return;
        const Case<Cell> c({5, 3, 3, 1}, 11, reverse, options, seed);
        expect_right_in_steps<TypeParam>(c, seed++ % 2 ? kMany : kOne);
      });
}

// Several pieces of the depth, more blocks than one over rows and units; widths with padding and without.
TYPED_TEST(SimtStep, LargeOnes) {
  for (const DeviceLimits& limits : {kMany, kOne}) {
    const bool large = limits.multiprocessors == 1;
    const Case<Lstm> c(large && kThorough ? Sizes{65, 65, 2} : Sizes{3, 2}, large ? 150 : 160, !large);
    expect_right_in_steps<TypeParam>(c, limits, kThorough ? 3 : 0);
  }
}

// Weights that begin anywhere, as a part of a larger tensor may.
TYPED_TEST(SimtStep, WeightsThatAreNotAligned) {
  using T = typename TypeParam::Number;
  const Case<Gru> c({3, 2}, 16, false);
  std::vector<T> shifted;
  const auto shift = [&](const T* weights) {
    shifted.assign(1, T(0));
    shifted.insert(shifted.end(), weights, weights + c.w_hh.size());
    return shifted.data() + 1;
  };
  const RnnRun<Gru, T> run(
      c,
      [&](cuda::Forward<T> f) {
        f.w_hh = shift(f.w_hh);
        launch_forward<TypeParam>(c, kOne, f);
      },
      [&](cuda::Backward<T> b) {
        b.w_hh = shift(b.w_hh);
        launch_backward<TypeParam>(c, kOne, b);
      });
  EXPECT_EQ(run.complaint(TypeParam::template tolerance<Gru>()), "");
}

TEST(StepPlan, AlwaysFitsTheDevice) {
  for (const DeviceLimits& limits :
       {DeviceLimits{108, 166912}, kMany, DeviceLimits{170, 101376}, DeviceLimits{1, 49152}})
    for (const int64_t batch : {1, 2, 31, 64, 1000, 100000})
      for (const int64_t hidden : {1, 31, 33, 200, 1024, 5000})
        for (const int gates : {1, 2, 3, 4})
          for (const int bytes : {2, 4, 8})
            for (const Precision precision : {Precision::kExact, Precision::kTf32})
              for (const bool backward : {false, true}) {
                const auto plan =
                    cuda::plan_step({batch, hidden, hidden, gates, 2, bytes, backward}, precision, limits);
                EXPECT_LE(plan.shared_bytes, limits.shared_bytes);
                EXPECT_GE(plan.row_blocks * plan.rows, batch);
                EXPECT_LT((plan.row_blocks - 1) * plan.rows, batch);
                EXPECT_GE(plan.unit_blocks * plan.units, hidden);
                EXPECT_LT((plan.unit_blocks - 1) * plan.units, hidden);
                EXPECT_LE(plan.unit_blocks, 65535);
                EXPECT_EQ(plan.operand_width * bytes % (plan.tensor ? 16 : 1), 0);
              }
}

TEST(StepPlan, GivesEveryMultiprocessorABlock) {
  const auto plan = [](int64_t batch, int bytes, bool backward, Precision precision = Precision::kExact) {
    return cuda::plan_step({batch, 1024, 1024, 4, 2, bytes, backward}, precision, kMany);
  };
  for (const bool backward : {false, true})
    for (const int64_t batch : {1, 16, 64})
      for (const int bytes : {2, 4}) {
        const auto p = plan(batch, bytes, backward);
        EXPECT_GE(p.row_blocks * p.unit_blocks, 128) << "B " << batch << ", " << bytes << " bytes";
      }
  EXPECT_EQ(plan(16, 2, false).rows, 16);
  EXPECT_EQ(plan(64, 2, false).rows, 64);
  EXPECT_EQ(plan(64, 2, true).rows, 32);
  EXPECT_EQ(plan(64, 4, false).rows, 8);
  EXPECT_TRUE(plan(64, 4, false, Precision::kTf32).tensor);
  EXPECT_FALSE(plan(64, 8, false, Precision::kTf32).tensor);
}

}  // namespace
}  // namespace fastlm
