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
void expect_right_in_steps(const Case<Cell>& c, const DeviceLimits& limits, int random_orders = kThorough ? 2 : 0) {
  using T = typename Kind::Number;
  SCOPED_TRACE(testing::Message() << (Kind::kTensor ? "tensor cores, " : "") << limits.multiprocessors
                                  << " multiprocessors");
  expect_right<Cell, T>(
      c,
      [&](const cuda::Forward<T>& f) {
        const auto plan = plan_of<Cell, Kind>(c, limits, false);
        Workspace workspace(plan.workspace_bytes);
        cuda::launch_step_forward<Cell>(f, plan, workspace.data(), nullptr);
      },
      [&](const cuda::Backward<T>& b) {
        const auto plan = plan_of<Cell, Kind>(c, limits, true);
        Workspace workspace(plan.workspace_bytes);
        cuda::launch_step_backward<Cell>(b, plan, workspace.data(), nullptr);
      },
      random_orders, Kind::template tolerance<Cell>());
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
  const auto all_hidden = kThorough ? Sizes{1, 3, 33, 70} : Sizes{9};
  for (const Sizes& sizes : std::vector<Sizes>{{2, 2, 2}, {1}, {5, 3, 3, 1}, {17, 1}})
    for (const int64_t hidden : all_hidden)
      for (const bool reverse : {false, true})
        for (const DeviceLimits& limits : {kMany, kOne})
          TestFixture::for_cells([&]<class Cell>(Cell) {
            expect_right_in_steps<TypeParam>(Case<Cell>(sizes, hidden, reverse, {}, seed++), limits);
          });
}

TYPED_TEST(SimtStep, KnowsTheOptions) {
  const std::vector<CaseOptions> choices{{.optional = false},
                                         {.mask = true, .zoneout = 0.3, .clip = 0.4},
                                         {.states = true, .zoneout = 0.2, .random = false},
                                         {.mask = true, .states = true}};
  unsigned seed = 1;
  for (const CaseOptions& options : choices)
    for (const bool reverse : {false, true})
      for (const DeviceLimits& limits : {kMany, kOne})
        TestFixture::for_cells([&]<class Cell>(Cell) {
          if constexpr (std::is_same_v<Cell, BusyCell>) return;
          expect_right_in_steps<TypeParam>(Case<Cell>({5, 3, 3, 1}, 11, reverse, options, seed++), limits);
        });
}

// Several pieces of the depth, more blocks than one over rows and units.
TYPED_TEST(SimtStep, LargeOnes) {
  for (const DeviceLimits& limits : {kMany, kOne})
    for (const Sizes& sizes : kThorough ? std::vector<Sizes>{{65, 65, 2}, {3, 2}} : std::vector<Sizes>{{3, 2}})
      for (const bool reverse : {false, true})
        expect_right_in_steps<TypeParam>(Case<Lstm>(sizes, 150, reverse), limits, 1);
}

}  // namespace
}  // namespace fastlm
