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
constexpr bool kThorough = false;  // races do not depend on the numbers, but each run is ten times as slow
#else
constexpr bool kThorough = true;
#endif

template <class T>
constexpr bool is_coarse(Precision precision) {
  return sizeof(T) == 2 || precision == Precision::kTf32;
}

// A norm of few numbers, or of the multiples of one, divides by how little they may differ: there a rounding of
// products to 10 bits says nothing about the kernels.
template <class T>
bool says_much(const CaseOptions& options, int64_t hidden, Precision precision) {
  return !is_coarse<T>(precision) || !options.norm || (hidden > 3 && options.projection != 1);
}

template <class T>
double tolerance_of(const CaseOptions& options, Precision precision) {
  if (precision == Precision::kTf32) return 6e-3;  // as half: 10 bits of mantissa
  return (options.norm ? 4 : 1) * RnnRun<Lstm, T>::default_tolerance();
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
  expect_right<Cell, T>(c, forward, backward, kThorough ? 2 : 1, tolerance_of<T>(c.options, precision));
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

// What is the same for any number type is told from the rest by double.
template <class Cell, class T>
void expect_all_right(Precision precision = Precision::kExact) {
  using Sizes = std::vector<int64_t>;
  const std::vector<Sizes> all_sizes =
      kThorough ? std::vector<Sizes>{{2, 2, 2}, {1}, {5, 3, 3, 1}} : std::vector<Sizes>{{5, 3, 1}};
  const Sizes all_hidden = kThorough && sizeof(T) == 8 ? Sizes{3, 33, 70} : Sizes{kThorough ? 70 : 33};
  unsigned seed = 1;
  for (const CaseOptions& options : choices<Cell>())
    for (const Sizes& sizes : all_sizes)
      for (const int64_t hidden : all_hidden) {
        if (options.projection > hidden || !says_much<T>(options, hidden, precision)) continue;
        const bool reverse = seed % 2;
        SCOPED_TRACE(testing::Message() << "P " << options.projection << ", norm " << options.norm << ", mask "
                                        << options.mask << ", zoneout " << options.zoneout << ", reverse " << reverse);
        const Case<Cell> c(sizes, hidden, reverse, options, seed++);
        expect_normed_right<Cell, T>(c, seed % 3 ? kLarge : kOneProcessor, precision);
      }
}

template <class Cell>
class SimtRows : public testing::Test {};
using MatrixCells = testing::Types<Elman<Tanh>, Elman<Relu>, Lstm, Gru>;
TYPED_TEST_SUITE(SimtRows, MatrixCells);

TYPED_TEST(SimtRows, FloatEqualsTheEngine) { expect_all_right<TypeParam, float>(); }
TYPED_TEST(SimtRows, DoubleEqualsTheEngine) { expect_all_right<TypeParam, double>(); }

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
  if (kThorough) expect_normed_right<TypeParam, double>(c, kLarge, Precision::kExact);
}

// The slope of relu jumps at 0, where a rounded state may lie on the other side, and the norm's gradient hands that on
// to all units.
template <class Cell>
class SimtCoarseRows : public testing::Test {};
using SmoothCells = testing::Types<Elman<Tanh>, Lstm, Gru>;
TYPED_TEST_SUITE(SimtCoarseRows, SmoothCells);

TYPED_TEST(SimtCoarseRows, Tf32EqualsTheEngine) { expect_all_right<TypeParam, float>(Precision::kTf32); }
TYPED_TEST(SimtCoarseRows, HalfEqualsTheEngine) { expect_all_right<TypeParam, __half>(); }
TYPED_TEST(SimtCoarseRows, BFloat16EqualsTheEngine) { expect_all_right<TypeParam, __nv_bfloat16>(); }

}  // namespace
}  // namespace fastlm
