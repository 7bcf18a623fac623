// Products of one vector with a matrix as it lies: where a matrix is met only a few times, packing it costs more than
// it saves.
#pragma once

#include <algorithm>

#include "stored.h"
#include "transpose.h"

namespace fastlm::cpu {

// Products of a few matrix rows with V vectors at once, as many as there are lanes: lane v * R + i has row i . x row v,
// R = lanes / V. Rows lie `stride` apart; those from `live` on repeat the last one.
template <class T, int V, class Stored>
inline Vec<T> dot_rows(const Stored* matrix, int64_t stride, int live, int64_t depth, const T* x, int64_t x_stride) {
  constexpr int kLane = kLanes<T>, R = kLane / V;
  // The rows that follow, from the last cache: so many short streams are too much for the machine's own prefetcher,
  // where the arithmetic is fast enough to wait for them. Rows of T are long enough, and would only be slowed down.
  constexpr bool kPrefetch = V == 1 && sizeof(Stored) < sizeof(T);
  const auto sum = [&](auto offset) __attribute__((always_inline)) {
    Vec<T> sums[kLane];
#pragma GCC unroll 16
    for (int i = 0; i < kLane; i++) sums[i] = Vec<T>(0);
    int64_t k = 0;
    const auto add = [&](auto load_row, auto load_x) __attribute__((always_inline)) {
      Vec<T> some[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) some[v] = load_x(x + v * x_stride);
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) {
        if constexpr (kPrefetch) __builtin_prefetch(matrix + (offset(i) + R * stride) + k, 0, 2);
        const Vec<T> row = load_row(matrix + offset(i));
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) sums[v * R + i] = multiply_add(row, some[v], sums[v * R + i]);
      }
    };
    for (; k + kLane <= depth; k += kLane)
      add([&](const Stored* p) { return load_as<T>(p + k); }, [&](const T* p) { return load(p + k); });
    if (k < depth)
      add([&](const Stored* p) { return load_first_as<T>(p + k, int(depth - k)); },
          [&](const T* p) { return load_first(p + k, int(depth - k)); });
    transpose<T>(sums);  // lane i of every vector belongs to product i now
#pragma GCC unroll 4
    for (int width = kLane / 2; width > 0; width /= 2)
#pragma GCC unroll 8
      for (int i = 0; i < width; i++) sums[i] += sums[i + width];
    return sums[0];
  };
  if (live >= R) return sum([&](int i) { return i * stride; });
  return sum([&](int i) { return std::min(i, live - 1) * stride; });
}

// out[u] = start[u] + matrix row u . x, for `count` rows of `depth` numbers, `stride` apart.
template <class T>
void multiply_rows_by_vector(const T* matrix, int64_t stride, int64_t count, int64_t depth, const T* x, const T* start,
                             T* out) {
  for (int64_t u = 0; u < count; u += kLanes<T>) {
    const int live = int(std::min<int64_t>(kLanes<T>, count - u));
    const Vec<T> sums = dot_rows<T, 1>(matrix + u * stride, stride, live, depth, x, 0);
    store_first(out + u, sums + load_first(start + u, live), live);
  }
}

// out[r][i] = matrix row i . x row r, for `live` <= lanes rows of the matrix and `count` of x. Rows of x and out lie
// x_stride and out_stride apart; whole vectors are written.
template <class T, class Stored>
void multiply_rows_by_vectors(const Stored* matrix, int64_t stride, int live, int64_t depth, const T* x,
                              int64_t x_stride, int64_t count, T* out, int64_t out_stride) {
  constexpr int V = std::clamp(kLanes<T> / 2, 1, 4), R = kLanes<T> / V;
  int64_t r = 0;
  for (; V > 1 && r + V <= count; r += V, x += V * x_stride, out += V * out_stride)
    for (int i = 0; i < live; i += R) {
      T products[kLanes<T>];
      store(products, dot_rows<T, V>(matrix + i * stride, stride, live - i, depth, x, x_stride));
      for (int v = 0; v < V; v++) std::copy_n(products + v * R, R, out + v * out_stride + i);
    }
  for (; r < count; r++, x += x_stride, out += out_stride)
    store(out, dot_rows<T, 1>(matrix, stride, live, depth, x, 0));
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
