// Math<T>: the functions that a cell may use, for one number. csrc/cpu/simd_math.h adds vectors of numbers.
#pragma once

#include <cmath>

#include "host_device.h"

namespace fastlm {

template <class T>
struct Math {
  FASTLM_HD static T tanh(T a) { return ::tanh(a); }
  FASTLM_HD static T sigmoid(T a) { return T(1) / (T(1) + ::exp(-a)); }
  // NaN passes through: the comparison is false for it.
  FASTLM_HD static T relu(T a) { return a < T(0) ? T(0) : a; }
  // the slope of relu, in terms of its output
  FASTLM_HD static T is_positive(T a) { return a > T(0) ? T(1) : T(0); }
};

}  // namespace fastlm
