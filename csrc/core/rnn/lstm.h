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

  // The state, without the output: after[0] is not set.
  template <class T>
  FASTLM_HD static Forward<Lstm, T> update(const Pack<T, 4>& x, const Pack<T, 4>& h, const Pack<T, 2>& before) {
    const T i = Math<T>::sigmoid(x[0] + h[0]), f = Math<T>::sigmoid(x[1] + h[1]);
    const T g = Math<T>::tanh(x[2] + h[2]), o = Math<T>::sigmoid(x[3] + h[3]);
    return {{T(0), f * before[1] + i * g}, {i, f, g, o}};
  }

  template <class T>
  FASTLM_HD static T output(const Pack<T, 4>& saved, T tanh_c) {
    return saved[3] * tanh_c;
  }

  template <class T>
  FASTLM_HD static Forward<Lstm, T> forward(const Pack<T, 4>& x, const Pack<T, 4>& h, const Pack<T, 2>& before) {
    auto f = update(x, h, before);
    f.after[0] = output(f.saved, Math<T>::tanh(f.after[1]));
    return f;
  }

  // The gradient that the output gives to the argument of its tanh, for an output gradient of 1.
  template <class T>
  FASTLM_HD static T output_slope(const Pack<T, 4>& saved, T tanh_c) {
    return saved[3] * (T(1) - tanh_c * tanh_c);
  }

  // dc: of the state, through the output too.
  template <class T>
  FASTLM_HD static Backward<Lstm, T> update_backward(const Pack<T, 4>& saved, const Pack<T, 2>& before, T tanh_c, T dh,
                                                     T dc) {
    const T i = saved[0], f = saved[1], g = saved[2], o = saved[3], one(1);
    const Pack<T, 4> da{dc * g * i * (one - i), dc * before[1] * f * (one - f), dc * i * (one - g * g),
                        dh * tanh_c * o * (one - o)};
    return {da, da, {T(0), dc * f}};
  }

  template <class T>
  FASTLM_HD static Backward<Lstm, T> backward(const Pack<T, 4>& saved, const Pack<T, 2>& before, T,
                                              const Pack<T, 2>& d) {
    const T tanh_c = Math<T>::tanh(saved[1] * before[1] + saved[0] * saved[2]);
    return update_backward(saved, before, tanh_c, d[0], d[1] + d[0] * output_slope(saved, tanh_c));
  }
};

}  // namespace fastlm
