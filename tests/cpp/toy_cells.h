// A cell for tests: all that the drivers promise to any cell, at once.
#pragma once

#include "core/math.h"
#include "core/rnn/cell.h"

namespace fastlm {

// Two gates, two states, saved values, a direct path, and gates whose sides are multiplied:
//   a = tanh(x0 + h0), b = x1 * h1, c' = 0.5 c + a, h' = 0.25 h + tanh(c') + b
struct BusyCell {
  static constexpr const char* kName = "busy";
  static constexpr int kGates = 2, kStates = 2, kSaved = 3;  // saved: a, x1, h1
  static constexpr Recurrence kRecurrence = Recurrence::kMatrix;
  static constexpr bool kGatesAdd = false, kDirectPath = true;

  template <class T>
  FASTLM_HD static Forward<BusyCell, T> forward(const Pack<T, 2>& x, const Pack<T, 2>& h, const Pack<T, 2>& before) {
    const T a = Math<T>::tanh(x[0] + h[0]), c = T(0.5f) * before[1] + a;
    return {{T(0.25f) * before[0] + Math<T>::tanh(c) + x[1] * h[1], c}, {a, x[1], h[1]}};
  }
  template <class T>
  FASTLM_HD static Backward<BusyCell, T> backward(const Pack<T, 3>& saved, const Pack<T, 2>& before, T,
                                                  const Pack<T, 2>& d) {
    const T tanh_c = Math<T>::tanh(T(0.5f) * before[1] + saved[0]), dc = d[1] + d[0] * (T(1) - tanh_c * tanh_c);
    const T da = dc * (T(1) - saved[0] * saved[0]);
    return {{da, d[0] * saved[2]}, {da, d[0] * saved[1]}, {T(0.25f) * d[0], T(0.5f) * dc}};
  }
};

}  // namespace fastlm
