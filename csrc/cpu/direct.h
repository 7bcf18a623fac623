// Products of one vector with a matrix as it lies: where a matrix is met only a few times, packing it costs more than
// it saves.
#pragma once

#include <algorithm>

#include "../core/prefetch.h"
#include "stored.h"
#include "transpose.h"

namespace fastlm::cpu {

// Products of R matrix rows with V vectors, U steps of depth at once: the lanes of sums[v * R + i] add up to row i . x
// row v. Rows lie `stride` apart; those from `live` on repeat the last one.
template <int R, int V, int U, class T, class Stored>
[[gnu::always_inline]] inline void add_products(const Stored* matrix, int64_t stride, int live, int64_t depth,
                                                const T* x, int64_t x_stride, Vec<T>* sums) {
  constexpr int kLane = kLanes<T>;
  constexpr int kLine = 64 / sizeof(Stored);
  const auto products = [&](auto offset) __attribute__((always_inline)) {
    Vec<T> parts[U][V][R];
#pragma GCC unroll 4
    for (int j = 0; j < U; j++)
#pragma GCC unroll 4
      for (int v = 0; v < V; v++)
#pragma GCC unroll 16
        for (int i = 0; i < R; i++) parts[j][v][i] = Vec<T>(0);
    const auto add = [&](Vec<T>(&to)[V][R], auto load_row, auto load_x) __attribute__((always_inline)) {
      Vec<T> some[V];
#pragma GCC unroll 4
      for (int v = 0; v < V; v++) some[v] = load_x(x + v * x_stride);
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) {
        const Vec<T> row = load_row(matrix + offset(i));
#pragma GCC unroll 4
        for (int v = 0; v < V; v++) to[v][i] = multiply_add(row, some[v], to[v][i]);
      }
    };
    const auto add_vector = [&](Vec<T>(&to)[V][R], int64_t k) __attribute__((always_inline)) {
      add(to, [&](const Stored* p) { return load_as<T>(p + k); }, [&](const T* p) { return load(p + k); });
    };
    int64_t k = 0;
    for (; k + U * kLane <= depth; k += U * kLane) {
      if constexpr (U > 1)
#pragma GCC unroll 4
        for (int i = 0; i < R; i++)
#pragma GCC unroll 4
          for (int at = 0; at < U * kLane; at += kLine) prefetch<0, 2>(matrix + offset(i) + kLane * stride + k + at);
#pragma GCC unroll 4
      for (int j = 0; j < U; j++) add_vector(parts[j], k + j * kLane);
    }
    for (; k + kLane <= depth; k += kLane) add_vector(parts[0], k);
    if (k < depth)
      add(
          parts[0], [&](const Stored* p) { return load_first_as<T>(p + k, int(depth - k)); },
          [&](const T* p) { return load_first(p + k, int(depth - k)); });
#pragma GCC unroll 4
    for (int v = 0; v < V; v++)
#pragma GCC unroll 16
      for (int i = 0; i < R; i++) {
#pragma GCC unroll 4
        for (int j = 1; j < U; j++) parts[0][v][i] += parts[j][v][i];
        sums[v * R + i] = parts[0][v][i];
      }
  };
  if (live >= R)
    products([&](int i) { return i * stride; });
  else
    products([&](int i) { return std::min(i, live - 1) * stride; });
}

// Lane i: the sum of the lanes of v[i].
template <class T>
[[gnu::always_inline]] inline Vec<T> sum_lanes(Vec<T> (&v)[kLanes<T>]) {
  transpose<T>(v);
#pragma GCC unroll 4
  for (int width = kLanes<T> / 2; width > 0; width /= 2)
#pragma GCC unroll 8
    for (int i = 0; i < width; i++) v[i] += v[i + width];
  return v[0];
}

// Lane i: matrix row i . x, for the first `live` rows. Long rows are read a few at a time, more of each: if they are a
// power of two apart, they all compete for the same few lines of the first cache.
template <class T, class Stored>
inline Vec<T> dot_rows(const Stored* matrix, int64_t stride, int live, int64_t depth, const T* x) {
  constexpr int kLane = kLanes<T>, R = std::min(kLane, 4);
  Vec<T> sums[kLane];
  if (sizeof(Stored) == sizeof(T) && depth < 512) {
    add_products<kLane, 1, 1>(matrix, stride, live, depth, x, 0, sums);
  } else {
#pragma GCC unroll 4
    for (int i = 0; i < kLane; i += R) {
      const int first = std::min(i, live - 1);
      add_products<R, 1, kLane / R>(matrix + first * stride, stride, live - first, depth, x, 0, sums + i);
    }
  }
  return sum_lanes<T>(sums);
}

// out[u] = start[u] + matrix row u . x, for `count` rows of `depth` numbers, `stride` apart.
template <class T>
void multiply_rows_by_vector(const T* matrix, int64_t stride, int64_t count, int64_t depth, const T* x, const T* start,
                             T* out) {
  for (int64_t u = 0; u < count; u += kLanes<T>) {
    const int live = int(std::min<int64_t>(kLanes<T>, count - u));
    const Vec<T> sums = dot_rows(matrix + u * stride, stride, live, depth, x);
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
      Vec<T> sums[kLanes<T>];
      add_products<R, V, 1>(matrix + i * stride, stride, live - i, depth, x, x_stride, sums);
      T products[kLanes<T>];
      store(products, sum_lanes<T>(sums));
      for (int v = 0; v < V; v++) std::copy_n(products + v * R, R, out + v * out_stride + i);
    }
  for (; r < count; r++, x += x_stride, out += out_stride) store(out, dot_rows(matrix, stride, live, depth, x));
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
