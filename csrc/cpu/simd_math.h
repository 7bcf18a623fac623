// Math<T> for SIMD vectors: tanh and the logistic sigmoid by one exponential each, to about 2 units in the last place,
// without a branch.
//
// e^y - 1 = 2^n (e^r - 1) + (2^n - 1) with y = n ln 2 + r, |r| <= ln 2 / 2, and e^r - 1 = r + r^2 q(r), q a
// near-minimax polynomial (Chebyshev nodes, relative error 2.4e-8 in float, 4.1e-17 in double). It keeps full relative
// precision near 0, where 1 - 2 / (e^2x + 1) would lose it: tanh x = (e^2x - 1) / (e^2x + 1).
#pragma once

#include <bit>

#include "../core/math.h"
#include "simd.h"

namespace fastlm {

namespace cpu {

template <class T>
struct ExpConstants;

template <>
struct ExpConstants<float> {
  using Bits = uint32_t;  // unsigned: for NaN they wrap
  static constexpr int kMantissaBits = 23;
  static constexpr float kLn2High = 0.693359375f, kLn2Low = -2.12194440e-4f;
  static constexpr float kTanhIsOne = 9.1f;   // from here on tanh rounds to 1
  static constexpr float kLargest = 88.0f;    // e^y is still a number, and 2^n too
  static constexpr float kSmallest = -87.0f;  // 2^n is still a normal number
  static constexpr float q[] = {0.5f, 0.16666576989698776f, 0.041666554617204574f, 0.0083631790527225774f,
                                0.0013926183587713495f};
};

template <>
struct ExpConstants<double> {
  using Bits = uint64_t;
  static constexpr int kMantissaBits = 52;
  static constexpr double kLn2High = 6.93147180369123816490e-1, kLn2Low = 1.90821492927058770002e-10;
  static constexpr double kTanhIsOne = 19.1, kLargest = 709.0, kSmallest = -708.0;
  static constexpr double q[] = {0.50000000000000010221,     0.16666666666666667453,   0.041666666666624127873,
                                 0.0083333333333300618325,   0.0013888888917213716901, 0.00019841269863053616878,
                                 0.000024801521295954375131, 2.7557268459997064772e-6, 2.7620088445409748161e-7,
                                 2.5100385495510319078e-8};
};

// e^y = power + power * polynomial, for |y| small enough that 2^n is a normal number
template <class T>
struct ExpParts {
  Vec<T> power, polynomial;  // 2^n, e^r - 1
};

template <class T>
FASTLM_INLINE ExpParts<T> exp_parts(Vec<T> y) {
  using C = ExpConstants<T>;
  using Integers = stdx::rebind_simd_t<typename C::Bits, Vec<T>>;
  // Adding 1.5 * 2^mantissa rounds y / ln 2 to an integer and leaves it in the low bits.
  constexpr T kRounder = T(1.5) * T(typename C::Bits(1) << C::kMantissaBits);
  const Vec<T> rounded = multiply_add(y, Vec<T>(T(1.44269504088896340736)), Vec<T>(kRounder));
  const Vec<T> n = rounded - kRounder;
  const Vec<T> r = multiply_add(n, Vec<T>(-C::kLn2Low), multiply_add(n, Vec<T>(-C::kLn2High), y));
  Vec<T> polynomial(C::q[std::size(C::q) - 1]);
  for (int i = int(std::size(C::q)) - 2; i >= 0; i--) polynomial = multiply_add(polynomial, r, Vec<T>(C::q[i]));
  polynomial = multiply_add(polynomial * r, r, r);
  const Integers exponent = std::bit_cast<Integers>(rounded) << C::kMantissaBits;
  return {std::bit_cast<Vec<T>>(exponent + std::bit_cast<Integers>(Vec<T>(1))), polynomial};
}

template <class T>
FASTLM_INLINE Vec<T> expm1_of_moderate(Vec<T> y) {
  const auto [power, polynomial] = exp_parts<T>(y);
  return multiply_add(power, polynomial, power - T(1));
}

// e^y for y <= 0, to about 1 unit in the last place; 0 where it is no normal number any more.
template <class T>
FASTLM_INLINE Vec<T> exp_of_negative(Vec<T> y) {
  const auto vanishes = y < ExpConstants<T>::kSmallest;  // NaN compares false and passes through
  where(vanishes, y) = Vec<T>(0);
  const auto [power, polynomial] = exp_parts<T>(y);
  Vec<T> result = multiply_add(power, polynomial, power);
  where(vanishes, result) = Vec<T>(0);
  return result;
}

}  // namespace cpu

template <class T, class Abi>
struct Math<std::experimental::simd<T, Abi>> {
  using V = std::experimental::simd<T, Abi>;
  static_assert(std::is_same_v<V, cpu::Vec<T>>);

  FASTLM_INLINE static V tanh(V a) {
    const V y = clamp(a, cpu::ExpConstants<T>::kTanhIsOne);
    const V e = cpu::expm1_of_moderate<T>(y + y);
    return e / (e + T(2));
  }
  FASTLM_INLINE static V sigmoid(V a) {  // 1 / (1 + e^-a)
    return T(1) / (cpu::expm1_of_moderate<T>(-clamp(a, cpu::ExpConstants<T>::kLargest)) + T(2));
  }
  FASTLM_INLINE static V relu(V a) {
    where(a < T(0), a) = V(0);
    return a;
  }
  FASTLM_INLINE static V is_positive(V a) {
    V one(0);
    where(a > T(0), one) = V(1);
    return one;
  }

 private:
  FASTLM_INLINE static V clamp(V a, T limit) {  // NaN compares false and passes through
    where(a > limit, a) = V(limit);
    where(a < -limit, a) = V(-limit);
    return a;
  }
};

}  // namespace fastlm
