// Long short-term memory: c' = f c + i g, h' = o tanh(c').
//
// Hochreiter & Schmidhuber (1997), with the forget gate of Gers et al. (2000). Gates in PyTorch's order: i, f, g, o.
#pragma once

#include "../math.h"
#include "cell.h"

namespace fastlm {

struct Lstm {
  static constexpr const char* kName = "lstm";
  static constexpr int kGates = 4, kStates = 2, kSaved = 4;  // states: h, c; saved: i, f, g, o
  static constexpr Recurrence kRecurrence = Recurrence::kMatrix;
  static constexpr bool kGatesAdd = true, kDirectPath = false;

  template <class T>
  FASTLM_HD static Forward<Lstm, T> forward(const Pack<T, 4>& x, const Pack<T, 4>& h, const Pack<T, 2>& before) {
    const T i = Math<T>::sigmoid(x[0] + h[0]), f = Math<T>::sigmoid(x[1] + h[1]);
    const T g = Math<T>::tanh(x[2] + h[2]), o = Math<T>::sigmoid(x[3] + h[3]);
    const T c = f * before[1] + i * g;
    return {{o * Math<T>::tanh(c), c}, {i, f, g, o}};
  }

  template <class T>
  FASTLM_HD static Backward<Lstm, T> backward(const Pack<T, 4>& saved, const Pack<T, 2>& before,
                                              const Pack<T, 2>& after, const Pack<T, 2>& d) {
    const T i = saved[0], f = saved[1], g = saved[2], o = saved[3], one(1);
    const T tanh_c = Math<T>::tanh(after[1]);
    const T dc = d[1] + d[0] * o * (one - tanh_c * tanh_c);
    const Pack<T, 4> da{dc * g * i * (one - i), dc * before[1] * f * (one - f), dc * i * (one - g * g),
                        d[0] * tanh_c * o * (one - o)};
    return {da, da, {T(0), dc * f}};
  }
};

}  // namespace fastlm
