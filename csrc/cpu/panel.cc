// The register kernel, once for each number of rows, and packing by transposition.
#include "panel.h"

#include <array>
#include <utility>

#include "transpose.h"

namespace fastlm::cpu {
namespace {

// Long sums are made of short ones, whose rounding errors do not grow with the length (Higham 1993).
template <class T, int Rows, bool Interleaved>
[[gnu::no_sanitize("undefined")]] void multiply(RowBlock<T, Interleaved> rows, const T* panel, int64_t depth,
                                                const T* start, T* out) {
  constexpr int kWidth = kPanelWidth<T>, kLane = kLanes<T>;
  constexpr int64_t kShort = 128;
  constexpr int kChains = Rows >= 3 ? 1 : Rows == 2 ? 2 : 4;  // independent sums, to hide the latency of a product
  for (int64_t begin = 0; begin == 0 || begin < depth; begin += kShort) {
    const int64_t end = std::min(depth, begin + kShort);
    Vec<T> sum[kChains][Rows][2];
#pragma GCC unroll 48
    for (int c = 0; c < kChains; c++)
#pragma GCC unroll 12
      for (int r = 0; r < Rows; r++) sum[c][r][0] = sum[c][r][1] = Vec<T>(0);
    const auto add = [&](int chain, int64_t k) __attribute__((always_inline)) {
      const Vec<T> p0 = load(panel + k * kWidth), p1 = load(panel + k * kWidth + kLane);
#pragma GCC unroll 12
      for (int r = 0; r < Rows; r++) {
        const Vec<T> a(rows.at(r, k));
        sum[chain][r][0] = multiply_add(a, p0, sum[chain][r][0]);
        sum[chain][r][1] = multiply_add(a, p1, sum[chain][r][1]);
      }
    };
    int64_t k = begin;
    for (; k + kChains <= end; k += kChains)
#pragma GCC unroll 4
      for (int c = 0; c < kChains; c++) add(c, k + c);
    for (; k < end; k++) add(0, k);
#pragma GCC unroll 12
    for (int r = 0; r < Rows; r++) {
#pragma GCC unroll 3
      for (int c = 1; c < kChains; c++) {
        sum[0][r][0] += sum[c][r][0];
        sum[0][r][1] += sum[c][r][1];
      }
      T* const to = out + r * kWidth;
      const T* const from = begin == 0 && start ? start : to;
      store(to, sum[0][r][0] + load(from));
      store(to + kLane, sum[0][r][1] + load(from + kLane));
    }
  }
}

}  // namespace

template <class T>
void PackedMatrix<T>::pack_transposed(int64_t p, const T* source, int64_t stride) {
  constexpr int kLane = kLanes<T>, kWidth = kPanelWidth<T>;
  T* panel = data_.data() + p * depth_ * kWidth;
  for (int half = 0; half < kWidth; half += kLane) {
    const int64_t first = p * kWidth + half;
    const int live = int(std::clamp<int64_t>(columns_ - first, 0, kLane));
    const T* from = source + first * stride;
    int64_t k = 0;
    for (; k + kLane <= depth_; k += kLane) {
      Vec<T> square[kLane];
      for (int n = 0; n < kLane; n++) square[n] = n < live ? load(from + n * stride + k) : Vec<T>(0);
      transpose<T>(square);
      for (int i = 0; i < kLane; i++) store(panel + (k + i) * kWidth + half, square[i]);
    }
    for (; k < depth_; k++)
      for (int n = 0; n < kLane; n++) panel[k * kWidth + half + n] = n < live ? from[n * stride + k] : T(0);
  }
}

template <class T, bool Interleaved>
void multiply_panel(int count, RowBlock<T, Interleaved> rows, const T* panel, int64_t depth, const T* start, T* out) {
  using Kernel = void (*)(RowBlock<T, Interleaved>, const T*, int64_t, const T*, T*);
  static constexpr auto kKernels = []<int... I>(std::integer_sequence<int, I...>) {
    return std::array<Kernel, kMaxRows>{multiply<T, I + 1, Interleaved>...};
  }(std::make_integer_sequence<int, kMaxRows>());
  kKernels[count - 1](rows, panel, depth, start, out);
}

template class PackedMatrix<float>;
template class PackedMatrix<double>;
template void multiply_panel(int, RowBlock<float, false>, const float*, int64_t, const float*, float*);
template void multiply_panel(int, RowBlock<float, true>, const float*, int64_t, const float*, float*);
template void multiply_panel(int, RowBlock<double, false>, const double*, int64_t, const double*, double*);
template void multiply_panel(int, RowBlock<double, true>, const double*, int64_t, const double*, double*);

}  // namespace fastlm::cpu
