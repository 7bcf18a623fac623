// Products of one vector with a matrix as it lies: where a matrix is met only a few times, packing it costs more than
// it saves.
#pragma once

#include <algorithm>

#include "transpose.h"

namespace fastlm::cpu {

// out[u] = start[u] + matrix row u . x, for `count` rows of `depth` numbers, `stride` apart.
template <class T>
void multiply_rows_by_vector(const T* matrix, int64_t stride, int64_t count, int64_t depth, const T* x, const T* start,
                             T* out) {
  constexpr int kLane = kLanes<T>;
  for (int64_t u = 0; u < count; u += kLane, matrix += kLane * stride) {
    const int live = int(std::min<int64_t>(kLane, count - u));
    Vec<T> sums[kLane];
#pragma GCC unroll 16
    for (int i = 0; i < kLane; i++) sums[i] = Vec<T>(0);
    const auto add = [&](int64_t k, auto load_some) __attribute__((always_inline)) {
      const Vec<T> some = load_some(x + k);
      if (live == kLane) {
#pragma GCC unroll 16
        for (int i = 0; i < kLane; i++) sums[i] = multiply_add(load_some(matrix + i * stride + k), some, sums[i]);
      } else {
        for (int i = 0; i < live; i++) sums[i] = multiply_add(load_some(matrix + i * stride + k), some, sums[i]);
      }
    };
    int64_t k = 0;
    for (; k + kLane <= depth; k += kLane) add(k, [](const T* p) { return load(p); });
    if (k < depth) add(k, [&](const T* p) { return load_first(p, int(depth - k)); });
    transpose<T>(sums);  // lane u of every vector belongs to row u now
#pragma GCC unroll 4
    for (int width = kLane / 2; width > 0; width /= 2)
      for (int i = 0; i < width; i++) sums[i] += sums[i + width];
    store_first(out + u, sums[0] + load_first(start + u, live), live);
  }
}

// out[n] = sum over k of weights[k] * matrix[k][n], for `count` columns of `depth` rows, `stride` apart.
template <class T>
void sum_weighted_rows(const T* matrix, int64_t stride, int64_t count, int64_t depth, const T* weights, T* out) {
  constexpr int kLane = kLanes<T>, kRows = 8;
  std::fill_n(out, count, T(0));
  int64_t k = 0;
  for (; k + kRows <= depth; k += kRows) {
    const T* rows = matrix + k * stride;
    for (int64_t n = 0; n < count; n += kLane) {
      const int live = int(std::min<int64_t>(kLane, count - n));
      Vec<T> even = load_first(out + n, live), odd(0);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; i += 2) {
        even = multiply_add(Vec<T>(weights[k + i]), load_first(rows + i * stride + n, live), even);
        odd = multiply_add(Vec<T>(weights[k + i + 1]), load_first(rows + (i + 1) * stride + n, live), odd);
      }
      store_first(out + n, even + odd, live);
    }
  }
  for (; k < depth; k++)
    for (int64_t n = 0; n < count; n++) out[n] += weights[k] * matrix[k * stride + n];
}

}  // namespace fastlm::cpu
