// Layer norm of one row: gain * (v - mean) / sqrt(variance + 1e-5) + shift, over all gates and units of it.
//
// Ba, Kiros & Hinton (2016), "Layer normalization".
#pragma once

#include <cmath>

#include "gates.h"

namespace fastlm::cpu {

template <class T>
class LayerNorm {
 public:
  // gain: [gates * hidden]; the shift is added to, [gates][hidden]
  LayerNorm(int gates, int64_t hidden, const T* gain)
      : shift(gates, hidden), gates_(gates), hidden_(hidden), gain_(gates, hidden) {
    gain_.add(gain);
  }

  GateVector<T> shift;

  // from(gate, unit) and to(gate, unit): where a vector of units is and goes. normal: [gates * hidden], the normalised
  // row, or null: not wanted. Returns 1 / standard deviation.
  template <class From, class To>
  T forward(const From& from, const To& to, T* normal) const {
    Vec<T> sums(0), squares(0);
    for_vectors([&](int g, int64_t u, int live) { sums += load_first(from(g, u), live); });
    const T count = T(gates_ * hidden_), mean = reduce(sums) / count;
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> off = masked(load_first(from(g, u), live) - mean, live);
      squares = multiply_add(off, off, squares);
    });
    const T scale = T(1) / std::sqrt(reduce(squares) / count + T(1e-5));
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> value = (load_first(from(g, u), live) - mean) * scale;
      if (normal) store_first(normal + g * hidden_ + u, value, live);
      store(to(g, u), multiply_add(value, load(gain_.unit(g, u)), load(shift.unit(g, u))));
    });
    return scale;
  }

  // A vector of the result, from the normalised row.
  Vec<T> result(int g, int64_t u, const T* normal, int live) const {
    return multiply_add(load_first(normal + g * hidden_ + u, live), load(gain_.unit(g, u)), load(shift.unit(g, u)));
  }

  // d(gate, unit): the gradient of the result; to(gate, unit): of what was normalised, of so many units. They may be
  // the same.
  template <class From, class To>
  void backward(const From& d, const T* normal, T scale, const To& to) const {
    Vec<T> sums(0), products(0);
    const auto scaled = [&](int g, int64_t u, int live) { return load_first(d(g, u), live) * load(gain_.unit(g, u)); };
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> value = scaled(g, u, live);
      sums += value;
      products = multiply_add(value, load_first(normal + g * hidden_ + u, live), products);
    });
    const T count = T(gates_ * hidden_), mean = reduce(sums) / count, slope = reduce(products) / count;
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> off = load_first(normal + g * hidden_ + u, live) * slope + mean;
      store_first(to(g, u), (scaled(g, u, live) - off) * scale, live);
    });
  }

 private:
  template <class F>
  void for_vectors(const F& f) const {
    for (int g = 0; g < gates_; g++)
      for (int64_t u = 0; u < hidden_; u += kLanes<T>) f(g, u, int(std::min<int64_t>(kLanes<T>, hidden_ - u)));
  }
  static Vec<T> masked(Vec<T> v, int live) {
    if (live < kLanes<T>) where(!first_lanes<T>(live), v) = Vec<T>(0);
    return v;
  }

  int gates_;
  int64_t hidden_;
  GateVector<T> gain_;
};

}  // namespace fastlm::cpu
