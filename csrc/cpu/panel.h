// Small matrix products for the recurrence: a few rows times a packed matrix.
//
// The matrix [depth, columns] is packed once a call into panels of two vectors of columns, [panel][depth][kPanelWidth],
// so that the inner loop reads it in order. The kernel keeps Rows x 2 vectors of sums in registers (Goto & van de Geijn
// 2008).
#pragma once

#include <array>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

#include "simd.h"

namespace fastlm::cpu {

template <class T>
inline constexpr int kPanelWidth = 2 * kLanes<T>;

// Rows that fit in the registers: 32 of them with AVX-512, 16 elsewhere; two hold the panel, one the row's element.
#ifdef __AVX512F__
inline constexpr int kMaxRows = 12;
#else
inline constexpr int kMaxRows = 6;
#endif

template <class T>
class PackedMatrix {
 public:
  PackedMatrix(int64_t depth, int64_t columns)
      : depth_(depth), columns_(columns), data_(allocate(panels() * depth * kPanelWidth<T>)) {}

  int64_t depth() const { return depth_; }
  int64_t panels() const { return (columns_ + kPanelWidth<T> - 1) / kPanelWidth<T>; }
  const T* panel(int64_t p) const { return data_.get() + p * depth_ * kPanelWidth<T>; }

  // Packs one panel of a matrix whose element (k, n) is at source[k * depth_stride + n * column_stride].
  void pack(int64_t p, const T* source, int64_t depth_stride, int64_t column_stride) {
    constexpr int kWidth = kPanelWidth<T>;
    T* to = data_.get() + p * depth_ * kWidth;
    const T* from = source + p * kWidth * column_stride;
    const int64_t width = std::min<int64_t>(kWidth, columns_ - p * kWidth);
    constexpr int64_t kDepthBlock = 16;  // of a transposition: as much as stays in the first-level cache
    for (int64_t k0 = 0; k0 < depth_; k0 += kDepthBlock) {
      const int64_t k1 = std::min(depth_, k0 + kDepthBlock);
      for (int64_t n = 0; n < width; n++)
        for (int64_t k = k0; k < k1; k++) to[k * kWidth + n] = from[k * depth_stride + n * column_stride];
      for (int64_t n = width; n < kWidth; n++)
        for (int64_t k = k0; k < k1; k++) to[k * kWidth + n] = T(0);
    }
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  static std::unique_ptr<T[], Free> allocate(int64_t count) {
    constexpr size_t kLine = 64;
    const size_t bytes = (size_t(count) * sizeof(T) + kLine - 1) / kLine * kLine;
    T* p = static_cast<T*>(std::aligned_alloc(kLine, std::max(bytes, kLine)));
    if (!p) throw std::bad_alloc();
    return std::unique_ptr<T[], Free>(p);
  }

  int64_t depth_, columns_;
  std::unique_ptr<T[], Free> data_;
};

// out[r][0 .. kPanelWidth) = start + sum over k of rows[r * row_stride + k] * panel[k][...]
template <class T, int Rows>
void multiply_panel(const T* rows, int64_t row_stride, const T* panel, int64_t depth, const T* start, T* out) {
  constexpr int kWidth = kPanelWidth<T>, kLane = kLanes<T>;
  constexpr int kChains = Rows >= 4   ? 1
                          : Rows >= 2 ? 2
                                      : 4;  // enough independent sums to hide the latency of a product
  Vec<T> sum[kChains][Rows][2];
#pragma GCC unroll 48
  for (int c = 0; c < kChains; c++)
#pragma GCC unroll 12
    for (int r = 0; r < Rows; r++) {
      sum[c][r][0] = c == 0 ? load(start) : Vec<T>(0);
      sum[c][r][1] = c == 0 ? load(start + kLane) : Vec<T>(0);
    }
  const auto add = [&](int chain, int64_t k) __attribute__((always_inline)) {
    const Vec<T> p0 = load(panel + k * kWidth), p1 = load(panel + k * kWidth + kLane);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; r++) {
      const Vec<T> a(rows[r * row_stride + k]);
      sum[chain][r][0] = multiply_add(a, p0, sum[chain][r][0]);
      sum[chain][r][1] = multiply_add(a, p1, sum[chain][r][1]);
    }
  };
  int64_t k = 0;
  for (; k + kChains <= depth; k += kChains)
#pragma GCC unroll 4
    for (int c = 0; c < kChains; c++) add(c, k + c);
  for (; k < depth; k++) add(0, k);
#pragma GCC unroll 12
  for (int r = 0; r < Rows; r++) {
#pragma GCC unroll 3
    for (int c = 1; c < kChains; c++) {
      sum[0][r][0] += sum[c][r][0];
      sum[0][r][1] += sum[c][r][1];
    }
    store(out + r * kWidth, sum[0][r][0]);
    store(out + r * kWidth + kLane, sum[0][r][1]);
  }
}

// The same for a number of rows that is known at run time, 1 to kMaxRows.
template <class T>
void multiply_panel(int rows_count, const T* rows, int64_t row_stride, const T* panel, int64_t depth, const T* start,
                    T* out) {
  using Kernel = void (*)(const T*, int64_t, const T*, int64_t, const T*, T*);
  static constexpr auto kKernels = []<int... I>(std::integer_sequence<int, I...>) {
    return std::array<Kernel, kMaxRows>{multiply_panel<T, I + 1>...};
  }(std::make_integer_sequence<int, kMaxRows>());
  kKernels[rows_count - 1](rows, row_stride, panel, depth, start, out);
}

// Calls f(first, count) for blocks of at most kMaxRows rows, as equal as they can be.
template <class F>
void for_row_blocks(int64_t begin, int64_t end, F&& f) {
  const int64_t blocks = (end - begin + kMaxRows - 1) / kMaxRows;
  for (int64_t i = 0; i < blocks; i++) {
    const int64_t first = begin + (end - begin) * i / blocks, last = begin + (end - begin) * (i + 1) / blocks;
    f(first, int(last - first));
  }
}

}  // namespace fastlm::cpu
