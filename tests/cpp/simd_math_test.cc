// The vector functions against long double, in units in the last place, and at the ends of their range.
#include "cpu/simd_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace fastlm {
namespace {

template <class T>
class SimdMath : public testing::Test {};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(SimdMath, Numbers);

template <class T>
T tanh_of(T x) {
  return Math<cpu::Vec<T>>::tanh(cpu::Vec<T>(x))[0];
}

TYPED_TEST(SimdMath, TanhIsWithinThreeUnitsInTheLastPlace) {
  using T = TypeParam;
  double worst = 0;
  for (int i = 1; i < 200000; i++) {
    const T x = T(std::pow(10.0L, -6 + 7.5L * i / 200000));  // 1e-6 to 30
    for (T signed_x : {x, -x}) {
      const long double want = std::tanh(static_cast<long double>(signed_x));
      const T nearest = T(want), unit = std::abs(std::nextafter(nearest, T(2) * nearest) - nearest);
      worst = std::max(worst, double(std::abs(tanh_of(signed_x) - want) / unit));
    }
  }
  EXPECT_LT(worst, 3.0);
}

TYPED_TEST(SimdMath, TanhAtTheEnds) {
  using T = TypeParam;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  EXPECT_EQ(tanh_of(T(0)), T(0));
  EXPECT_EQ(tanh_of(kInfinity), T(1));
  EXPECT_EQ(tanh_of(-kInfinity), T(-1));
  EXPECT_EQ(tanh_of(std::numeric_limits<T>::max()), T(1));
  EXPECT_TRUE(std::isnan(tanh_of(std::numeric_limits<T>::quiet_NaN())));
  EXPECT_EQ(tanh_of(T(1e-30)), T(1e-30));
}

TYPED_TEST(SimdMath, ExpOfNegativeNumbers) {
  using T = TypeParam;
  constexpr T kInfinity = std::numeric_limits<T>::infinity();
  const auto exp_of = [](T y) -> T { return cpu::exp_of_negative<T>(cpu::Vec<T>(y))[0]; };
  const T smallest = cpu::ExpConstants<T>::kSmallest;
  for (int i = 0; i <= 100000; i++) {
    const T y = smallest * T(i) / T(100000);
    const long double want = std::exp(static_cast<long double>(y));
    ASSERT_NEAR(exp_of(y) / want, 1.0, 2 * std::numeric_limits<T>::epsilon()) << y;
  }
  EXPECT_EQ(exp_of(T(0)), T(1));
  EXPECT_EQ(exp_of(smallest * T(1.01)), T(0));
  EXPECT_EQ(exp_of(-kInfinity), T(0));
  EXPECT_TRUE(std::isnan(exp_of(std::numeric_limits<T>::quiet_NaN())));
}

TYPED_TEST(SimdMath, ReluAndItsSlope) {
  using T = TypeParam;
  using V = cpu::Vec<T>;
  EXPECT_EQ(Math<V>::relu(V(T(-2)))[0], T(0));
  EXPECT_EQ(Math<V>::relu(V(T(2)))[0], T(2));
  EXPECT_TRUE(std::isnan(Math<V>::relu(V(std::numeric_limits<T>::quiet_NaN()))[0]));
  EXPECT_EQ(Math<V>::is_positive(V(T(0)))[0], T(0));
  EXPECT_EQ(Math<V>::is_positive(V(T(3)))[0], T(1));
}

TYPED_TEST(SimdMath, PartialLoadsAndStoresTouchNothingElse) {
  using T = TypeParam;
  constexpr int kLane = cpu::kLanes<T>;
  for (int count = 0; count <= kLane; count++) {
    std::vector<T> exact(count, T(3)), out(count + 1, T(-1));
    const auto v = cpu::load_first(exact.data(), count);  // reading past the end is an error that ASan reports
    for (int i = 0; i < kLane; i++) EXPECT_EQ(v[i], i < count ? T(3) : T(0));
    cpu::store_first(out.data(), v, count);
    EXPECT_EQ(out.back(), T(-1));
  }
}

}  // namespace
}  // namespace fastlm
