// Gated recurrent unit: n = tanh(x_n + r h_n), h' = (1 - z) n + z h.
//
// Cho et al. (2014), in the form of cuDNN and PyTorch, where the reset gate acts behind U. Gates in PyTorch's order:
// r, z, n.
#pragma once

#include "../math.h"
#include "cell.h"

namespace fastlm {

struct Gru {
  static constexpr const char* kName = "gru";
  static constexpr int kGates = 3, kStates = 1, kSaved = 4;  // saved: r, z, n, h_n
  static constexpr Recurrence kRecurrence = Recurrence::kMatrix;
  static constexpr bool kGatesAdd = false, kDirectPath = true;

  template <class T>
  FASTLM_HD static Forward<Gru, T> forward(const Pack<T, 3>& x, const Pack<T, 3>& h, const Pack<T, 1>& before) {
    const T r = Math<T>::sigmoid(x[0] + h[0]), z = Math<T>::sigmoid(x[1] + h[1]);
    const T n = Math<T>::tanh(x[2] + r * h[2]);
    return {{n + z * (before[0] - n)}, {r, z, n, h[2]}};
  }

  template <class T>
  FASTLM_HD static Backward<Gru, T> backward(const Pack<T, 4>& saved, const Pack<T, 1>& before, T,
                                             const Pack<T, 1>& d) {
    const T r = saved[0], z = saved[1], n = saved[2], h_n = saved[3], one(1);
    const T dn = d[0] * (one - z) * (one - n * n), dz = d[0] * (before[0] - n) * z * (one - z);
    const T dr = dn * h_n * r * (one - r);
    return {{dr, dz, dn}, {dr, dz, dn * r}, {d[0] * z}};
  }
};

}  // namespace fastlm
