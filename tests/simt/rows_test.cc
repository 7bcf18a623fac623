// Layer norm and projection, executed on the CPU, with every other option and any number type.
#include "cuda/rnn_normed.cuh"
#include "rnn_run.h"

namespace fastlm {
namespace {

using cuda::DeviceLimits;
using cuda::Precision;

constexpr DeviceLimits kLarge{132, 232448};       // an H100
constexpr DeviceLimits kOneProcessor{1, 232448};  // large tiles for small batches

#ifdef SIMT_TSAN
constexpr int kRandomOrders = 1;  // races do not depend on the numbers, but each run is ten times as slow
#else
constexpr int kRandomOrders = 2;
#endif

// Rounding is as large as it may be where a norm has few numbers: it divides by how much they differ.
template <class T>
double tolerance_of(const CaseOptions& options, Precision precision) {
  if (precision == Precision::kTf32) return 6e-3;  // as half: 10 bits of mantissa
  const double tolerance = RnnRun<Lstm, T>::default_tolerance();
  return options.norm ? 4 * tolerance : tolerance;
}

template <class Cell, class T>
void expect_normed_right(const Case<Cell>& c, const DeviceLimits& limits, Precision precision) {
  std::vector<char> workspace;
  const auto forward = [&](const cuda::Forward<T>& f) {
    workspace.assign(cuda::normed_forward_workspace<Cell, T>(f, precision, limits), char(0xFF));  // NaN
    cuda::launch_normed_forward<Cell, T>(f, precision, limits, workspace.data(), nullptr);
  };
  const auto backward = [&](const cuda::Backward<T>& b) {
    workspace.assign(cuda::normed_backward_workspace<Cell, T>(b, precision, limits), char(0xFF));
    cuda::launch_normed_backward<Cell, T>(b, precision, limits, workspace.data(), nullptr);
  };
  expect_right<Cell, T>(c, forward, backward, kRandomOrders, tolerance_of<T>(c.options, precision));
}

template <class Cell>
std::vector<CaseOptions> choices() {
  std::vector<CaseOptions> table{{.norm = true},
                                 {.norm = true, .mask = true, .zoneout = 0.3, .clip = 0.4},
                                 {.norm = true, .zoneout = 0.2, .random = false, .optional = false}};
  if (kOutputApart<Cell>) {
    for (const bool norm : {false, true}) {
      table.push_back({.projection = 1, .norm = norm, .optional = false});
      table.push_back({.projection = 5, .norm = norm, .mask = true, .states = true, .zoneout = 0.3, .clip = 0.4});
      table.push_back({.projection = 19, .norm = norm, .states = true, .zoneout = 0.2, .random = false});
    }
    table.push_back({.norm = true, .states = true, .zoneout = 0.2});
  }
  return table;
}

template <class Cell, class T>
void expect_all_right(const std::vector<Precision>& precisions) {
  unsigned seed = 1;
  for (const CaseOptions& options : choices<Cell>())
    for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{2, 2, 2}, {1}, {5, 3, 3, 1}})
      for (const int64_t hidden : {3, 33, 70}) {
        if (options.projection > hidden) continue;
        for (const bool reverse : {false, true}) {
          SCOPED_TRACE(testing::Message() << "P " << options.projection << ", norm " << options.norm << ", mask "
                                          << options.mask << ", zoneout " << options.zoneout);
          const Case<Cell> c(sizes, hidden, reverse, options, seed++);
          for (const Precision precision : precisions)
            expect_normed_right<Cell, T>(c, seed % 2 ? kLarge : kOneProcessor, precision);
        }
      }
}

template <class Cell>
class SimtRows : public testing::Test {};
using MatrixCells = testing::Types<Elman<Tanh>, Elman<Relu>, Lstm, Gru>;
TYPED_TEST_SUITE(SimtRows, MatrixCells);

TYPED_TEST(SimtRows, FloatEqualsTheEngine) {
  expect_all_right<TypeParam, float>({Precision::kExact, Precision::kTf32});
}
TYPED_TEST(SimtRows, DoubleEqualsTheEngine) { expect_all_right<TypeParam, double>({Precision::kExact}); }
TYPED_TEST(SimtRows, HalfEqualsTheEngine) { expect_all_right<TypeParam, __half>({Precision::kExact}); }
TYPED_TEST(SimtRows, BFloat16EqualsTheEngine) { expect_all_right<TypeParam, __nv_bfloat16>({Precision::kExact}); }

// One unit: its norms see as many numbers as it has gates, or one.
TYPED_TEST(SimtRows, OneUnit) {
  for (const bool reverse : {false, true}) {
    const Case<TypeParam> c({3, 1}, 1, reverse, {.norm = true, .mask = true}, 3);
    expect_normed_right<TypeParam, double>(c, kLarge, Precision::kExact);
  }
}

// More units than a block has threads.
TYPED_TEST(SimtRows, ManyUnits) {
  const Case<TypeParam> c({2, 1}, cuda::kRowThreads + 5, false, {.norm = true}, 4);
  expect_normed_right<TypeParam, float>(c, kLarge, Precision::kExact);
}

}  // namespace
}  // namespace fastlm
