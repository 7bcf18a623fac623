// Layer norm of one row: gain * (v - mean) / sqrt(variance + 1e-5) + shift, over all gates and units of it.
//
// Ba, Kiros & Hinton (2016), "Layer normalization".
#pragma once

#include <cmath>

#include "gates.h"

namespace fastlm::cpu {

template <class T, int kGates>
class LayerNorm {
 public:
  // gain: [kGates * hidden]; the shift is added to, and 0 at first
  LayerNorm(int64_t hidden, const T* gain) : shift(kGates, hidden), hidden_(hidden), gain_(kGates, hidden) {
    gain_.add(gain);
  }

  GateVector<T> shift;

  // from(gate, unit) and to(gate, unit): where a vector of units is and goes. normal: [kGates * hidden], the normalised
  // row, or null: not wanted. Returns 1 / standard deviation.
  template <class From, class To>
  T forward(const From& from, const To& to, T* normal) const {
    Sums sums, squares;
    for_vectors([&](int g, int64_t u, int live) { sums.v[g] += load_first(from(g, u), live); });
    const T mean = sums.total() / count();
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> off = masked(load_first(from(g, u), live) - mean, live);
      squares.v[g] = multiply_add(off, off, squares.v[g]);
    });
    const T scale = T(1) / std::sqrt(squares.total() / count() + T(1e-5));
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
    Sums sums, products;
    const auto scaled = [&](int g, int64_t u, int live) { return load_first(d(g, u), live) * load(gain_.unit(g, u)); };
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> value = scaled(g, u, live);
      sums.v[g] += value;
      products.v[g] = multiply_add(value, load_first(normal + g * hidden_ + u, live), products.v[g]);
    });
    const T mean = sums.total() / count(), slope = products.total() / count();
    for_vectors([&](int g, int64_t u, int live) {
      const Vec<T> off = load_first(normal + g * hidden_ + u, live) * slope + mean;
      store_first(to(g, u), (scaled(g, u, live) - off) * scale, live);
    });
  }

 private:
  struct Sums {  // one for each gate: additions that need not wait for one another
    Vec<T> v[kGates] = {};
    T total() const {
      Vec<T> sum = v[0];
      for (int g = 1; g < kGates; g++) sum += v[g];
      return reduce(sum);
    }
  };

  T count() const { return T(kGates * hidden_); }

  template <class F>
  [[gnu::always_inline]] void for_vectors(const F& f) const {
    int64_t u = 0;
    for (; u + kLanes<T> <= hidden_; u += kLanes<T>)
      for (int g = 0; g < kGates; g++) f(g, u, kLanes<T>);
    for (int g = 0; u < hidden_ && g < kGates; g++) f(g, u, int(hidden_ - u));
  }
  static Vec<T> masked(Vec<T> v, int live) {
    if (live < kLanes<T>) where(!first_lanes<T>(live), v) = Vec<T>(0);
    return v;
  }

  int64_t hidden_;
  GateVector<T> gain_;
};

// The norms of a layer, from its gains as core/rnn/options.h lays them out. The shifts of x and h are biases, and 0
// here.
template <class Cell, class T>
struct LayerNorms {
  LayerNorm<T, Cell::kGates> x, h;
  LayerNorm<T, 1> state;

  LayerNorms(int64_t hidden, const T* gains)
      : x(hidden, gains),
        h(hidden, gains + Cell::kGates * hidden),
        state(hidden, kOutputApart<Cell> ? gains + 2 * Cell::kGates * hidden : nullptr) {
    if (kOutputApart<Cell>) state.shift.add(gains + (2 * Cell::kGates + 1) * hidden);
  }
};

}  // namespace fastlm::cpu
