// The diagonal kernels, executed on the CPU: every option, any number type.
#include "cuda/rnn_diagonal.cuh"
#include "rnn_run.h"

namespace fastlm {
namespace {

template <class T>
class SimtDiagonal : public testing::Test {};
using NumberTypes = testing::Types<float, double, __half, __nv_bfloat16>;
TYPED_TEST_SUITE(SimtDiagonal, NumberTypes);

TYPED_TEST(SimtDiagonal, EqualsTheEngine) {
  const std::vector<CaseOptions> choices{
      {}, {.optional = false}, {.mask = true, .zoneout = 0.3, .clip = 0.4}, {.zoneout = 0.2, .random = false}};
  unsigned seed = 1;
  for (const CaseOptions& options : choices)
    for (const std::vector<int64_t>& sizes : std::vector<std::vector<int64_t>>{{2, 2, 2}, {1}, {5, 3, 3, 1}})
      for (const int64_t hidden : {1, 3, 131})
        for (const bool reverse : {false, true}) {
          const Case<IndRnn> c(sizes, hidden, reverse, options, seed++);
          expect_right<IndRnn, TypeParam>(
              c, [](const cuda::Forward<TypeParam>& f) { cuda::launch_diagonal_forward<IndRnn>(f, nullptr); },
              [](const cuda::Backward<TypeParam>& b) { cuda::launch_diagonal_backward<IndRnn>(b, nullptr); });
        }
}

}  // namespace
}  // namespace fastlm
