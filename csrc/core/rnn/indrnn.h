// Independently recurrent network: h' = relu(W x + u * h + b), one recurrent weight a unit.
//
// Li et al. (2018), "Independently recurrent neural network (IndRNN)".
#pragma once

#include "../math.h"
#include "cell.h"

namespace fastlm {

struct IndRnn {
  static constexpr const char* kName = "indrnn";
  static constexpr int kGates = 1, kStates = 1, kSaved = 0;
  static constexpr Recurrence kRecurrence = Recurrence::kDiagonal;
  static constexpr bool kGatesAdd = true, kDirectPath = false;

  template <class T>
  FASTLM_HD static Forward<IndRnn, T> forward(const Pack<T, 1>& x, const Pack<T, 1>& h, const Pack<T, 1>&) {
    return {{Math<T>::relu(x[0] + h[0])}, {}};
  }

  template <class T>
  FASTLM_HD static Backward<IndRnn, T> backward(const Pack<T, 0>&, const Pack<T, 1>&, T output, const Pack<T, 1>& d) {
    const T da = d[0] * Math<T>::is_positive(output);
    return {{da}, {da}, {T(0)}};
  }
};

}  // namespace fastlm
