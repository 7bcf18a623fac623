// Small matrix products: a few rows times a packed matrix.
//
// The matrix [depth, columns] is packed into panels of two vectors of columns, [panel][depth][kPanelWidth], so that the
// inner loop reads it in order. The kernel keeps Rows x 2 vectors of sums in registers (Goto & van de Geijn 2008).
#pragma once

#include "../core/prefetch.h"
#include "buffer.h"
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
constexpr int64_t count_panels(int64_t columns) {
  return (columns + kPanelWidth<T> - 1) / kPanelWidth<T>;
}

template <class T>
class PackedMatrix {
 public:
  PackedMatrix(int64_t depth, int64_t columns)
      : depth_(depth), columns_(columns), data_(panels() * depth * kPanelWidth<T>) {}

  int64_t depth() const { return depth_; }
  int64_t columns() const { return columns_; }
  int64_t panels() const { return count_panels<T>(columns_); }
  const T* panel(int64_t p) const { return data_.data() + p * depth_ * kPanelWidth<T>; }

  // Packs one panel of a matrix whose row k begins at row(k). Columns past the end are zeros, as is a null row.
  template <class Row>
  void pack(int64_t p, const Row& row) {
    const int64_t first = p * kPanelWidth<T>;
    T* to = data_.data() + p * depth_ * kPanelWidth<T>;
    for (int64_t k = 0; k < depth_; k++)
      for (int v = 0; v < kPanelWidth<T>; v += kLanes<T>, to += kLanes<T>) {
        const T* from = row(k);
        if (const T* later = k + kAhead < depth_ ? row(k + kAhead) : nullptr) prefetch(later + first + v);
        store(to,
              from ? load_first(from + first + v, int(std::min<int64_t>(kLanes<T>, columns_ - first - v))) : Vec<T>(0));
      }
  }

  // The same from the transposed matrix: column n begins at source + n * stride.
  void pack_transposed(int64_t p, const T* source, int64_t stride);

 private:
  static constexpr int64_t kAhead = 16;  // rows: each is a page of its own, which the processor does not foresee

  int64_t depth_, columns_;
  Buffer<T> data_;
};

// The rows of the left operand: element (r, k) is at data[r * stride + k], or at data[k * kMaxRows + r] if Interleaved.
template <class T, bool Interleaved>
struct RowBlock {
  const T* data;
  int64_t stride;

  [[gnu::always_inline]] T at(int r, int64_t k) const {
    return Interleaved ? data[k * kMaxRows + r] : data[r * stride + k];
  }
};

// out[r][0 .. kPanelWidth) = start + sum over k of rows(r, k) * panel[k][...], for 1 to kMaxRows rows; start null: it
// is added to out.
template <class T, bool Interleaved>
void multiply_panel(int count, RowBlock<T, Interleaved> rows, const T* panel, int64_t depth, const T* start, T* out);

// Calls f(first, count) for blocks of at most kMaxRows rows, as equal as they can be.
template <class F>
void for_row_blocks(int64_t begin, int64_t end, F&& f) {
  const int64_t blocks = (end - begin + kMaxRows - 1) / kMaxRows;
  for (int64_t i = 0; i < blocks; i++) {
    const int64_t first = begin + (end - begin) * i / blocks, last = begin + (end - begin) * (i + 1) / blocks;
    f(first, int(last - first));
  }
}

template <class T, int Tiles>
struct alignas(64) Tile {  // [Tiles][row][column of the panel]: the results of a block of rows
  T v[Tiles][kMaxRows][kPanelWidth<T>];
};

}  // namespace fastlm::cpu
