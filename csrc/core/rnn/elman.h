// The simple recurrent cell: h' = f(W x + U h + b), f = tanh or relu.
//
// Elman (1990), "Finding structure in time".
#pragma once

#include "../math.h"
#include "cell.h"

namespace fastlm {

struct Tanh {
  static constexpr const char* kCellName = "rnn_tanh";
  template <class T>
  FASTLM_HD static T value(T a) {
    return Math<T>::tanh(a);
  }
  template <class T>
  FASTLM_HD static T slope(T y) {  // in terms of the output
    return T(1) - y * y;
  }
};

struct Relu {
  static constexpr const char* kCellName = "rnn_relu";
  template <class T>
  FASTLM_HD static T value(T a) {
    return Math<T>::relu(a);
  }
  template <class T>
  FASTLM_HD static T slope(T y) {
    return Math<T>::is_positive(y);
  }
};

template <class Activation>
struct Elman {
  static constexpr const char* kName = Activation::kCellName;
  static constexpr int kGates = 1, kStates = 1, kSaved = 0;
  static constexpr Recurrence kRecurrence = Recurrence::kMatrix;
  static constexpr bool kGatesAdd = true, kDirectPath = false;

  template <class T>
  FASTLM_HD static Forward<Elman, T> forward(const Pack<T, 1>& x, const Pack<T, 1>& h, const Pack<T, 1>&) {
    return {{Activation::value(x[0] + h[0])}, {}};
  }

  template <class T>
  FASTLM_HD static Backward<Elman, T> backward(const Pack<T, 0>&, const Pack<T, 1>&, T output, const Pack<T, 1>& d) {
    const T da = d[0] * Activation::slope(output);
    return {{da}, {da}, {T(0)}};
  }
};

}  // namespace fastlm
