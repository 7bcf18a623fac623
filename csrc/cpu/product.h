// The large products of the backward pass, shared by a team.
//
// Both are built on the kernel of panel.h, which reaches nearly the peak where a general library has to be careful.
#pragma once

#include "panel.h"
#include "team.h"

namespace fastlm::cpu {

// Work that pays for waking a thread, in multiply-adds.
inline constexpr int64_t kWorthAThread = 200000;

// Writes the results of `count` rows, one panel, to the rows of c that begin at c.
template <class T>
void store_tile(const Tile<T, 1>& tile, int count, int64_t panel, T* c, int64_t columns, bool add) {
  for (int r = 0; r < count; r++)
    for (int v = 0; v < kPanelWidth<T>; v += kLanes<T>) {
      const int64_t column = panel * kPanelWidth<T> + v;
      const int live = int(std::min<int64_t>(kLanes<T>, columns - column));
      if (live <= 0) break;
      T* to = c + r * columns + column;
      const Vec<T> value = load(tile.v[0][r] + v);
      store_first(to, add ? load_first(to, live) + value : value, live);
    }
}

// Asks for the rows that store_tile will write: they come while the product is computed.
template <class T>
void prefetch_tile(int count, int64_t panel, T* c, int64_t columns) {
  for (int r = 0; r < count; r++)
    for (int v = 0; v < kPanelWidth<T>; v += kLanes<T>) prefetch<1>(c + r * columns + panel * kPanelWidth<T> + v);
}

// c = a b or, to add, c + a b, for a packed b; rows of a [rows, depth] are `stride` apart, c [rows, columns] is dense.
template <class T>
void multiply_rows(const T* a, int64_t stride, int64_t rows, const PackedMatrix<T>& b, T* c, bool add, Team& team) {
  alignas(64) static constexpr T kZeros[kPanelWidth<T>] = {};
  // a block of rows stays in the second-level cache while it meets every panel
  const int64_t depth = b.depth(), block = std::max<int64_t>(kMaxRows, (512 << 10) / int64_t(depth * sizeof(T) + 1));
  const int64_t row_work = std::max<int64_t>(1, depth * b.columns());
  team.for_slices(rows, std::max<int64_t>(kMaxRows, kWorthAThread / row_work), [&](int64_t begin, int64_t end) {
    for (int64_t top = begin; top < end; top += block)
      for (int64_t p = 0; p < b.panels(); p++)
        for_row_blocks(top, std::min(end, top + block), [&](int64_t first, int count) {
          Tile<T, 1> tile;
          prefetch_tile(count, p, c + first * b.columns(), b.columns());
          multiply_panel<T, false>(count, {a + first * stride, stride}, b.panel(p), depth, kZeros, tile.v[0][0]);
          store_tile(tile, count, p, c + first * b.columns(), b.columns(), add);
        });
  });
}

// c = sum over k of a(k)^T b(k), or to add, c + that: rows a(k) [m] and b(k) [n] at any place, b(k) null for zeros; c
// [m, n] dense.
//
// Some hundred rows at a time, so that c is met rarely: b is packed once for all, a by each thread for a strip of c.
template <class T, class RowA, class RowB>
void sum_outer_products(int64_t count, const RowA& a, int64_t m, const RowB& b, int64_t n, T* c, bool add, Team& team) {
  constexpr int64_t kDepth = 384, kBlocks = 8, kStrip = kBlocks * kMaxRows;
  alignas(64) static constexpr T kZeros[kPanelWidth<T>] = {};
  if (count == 0 && !add) std::fill_n(c, m * n, T(0));
  const int64_t rounds = (count + kDepth - 1) / kDepth;
  for (int64_t round = 0; round < rounds; round++) {
    const int64_t k0 = count * round / rounds, depth = count * (round + 1) / rounds - k0;
    PackedMatrix<T> packed(depth, n);
    team.for_slices(packed.panels(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++) packed.pack(p, [&](int64_t k) { return b(k0 + k); });
    });
    const auto blocks_of = [&](int64_t begin, int64_t end) {
      Buffer<T> strip(kBlocks * depth * kMaxRows);  // [block][k][row of the block]
      const auto at = [&](int64_t i, int64_t k) { return strip.data() + (i * depth + k) * kMaxRows; };
      for (int64_t first = begin * kMaxRows, last = std::min(end * kMaxRows, m); first < last; first += kStrip) {
        const int64_t height = std::min(kStrip, last - first);
        for (int64_t k = 0; k < depth; k++) {
          const T* row = a(k0 + k) + first;
          for (int64_t i = 0; i < height / kMaxRows; i++)
            __builtin_memcpy(at(i, k), row + i * kMaxRows, kMaxRows * sizeof(T));
          for (int64_t i = height / kMaxRows * kMaxRows; i < height; i++) at(i / kMaxRows, k)[i % kMaxRows] = row[i];
        }
        for (int64_t p = 0; p < packed.panels(); p++)
          for (int64_t top = 0; top < height; top += kMaxRows) {
            const int rows = int(std::min<int64_t>(kMaxRows, height - top));
            Tile<T, 1> tile;
            prefetch_tile(rows, p, c + (first + top) * n, n);
            multiply_panel<T, true>(rows, {at(top / kMaxRows, 0), 0}, packed.panel(p), depth, kZeros, tile.v[0][0]);
            store_tile(tile, rows, p, c + (first + top) * n, n, add || k0 > 0);
          }
      }
    };
    const int64_t block_work = kMaxRows * depth * std::max<int64_t>(1, n);
    team.for_slices((m + kMaxRows - 1) / kMaxRows, std::max<int64_t>(1, kWorthAThread / block_work), blocks_of);
  }
}

// c[0 .. n) = the sum of row(k, i) over k, or to add, c + that; row gives a vector of columns from i on.
template <class T, class Row>
void sum_columns(int64_t count, const Row& row, int64_t n, T* c, bool add, Team& team) {
  constexpr int kBlock = 8;  // vectors that are summed in registers
  constexpr int64_t kColumns = kBlock * kLanes<T>;
  team.for_slices((n + kColumns - 1) / kColumns, std::max<int64_t>(1, kWorthAThread / (kColumns * (count + 1))),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t first = begin * kColumns; first < std::min(n, end * kColumns); first += kColumns) {
                      const auto live = [&](int v) {
                        return int(std::min<int64_t>(n - first - v * kLanes<T>, kLanes<T>));
                      };
                      Vec<T> sums[kBlock];
                      for (int v = 0; v < kBlock; v++)
                        sums[v] = add ? load_first(c + first + v * kLanes<T>, live(v)) : Vec<T>(0);
                      for (int64_t k = 0; k < count; k++)
                        for (int v = 0; v < kBlock; v++) sums[v] += row(k, first + v * kLanes<T>, live(v));
                      for (int v = 0; v < kBlock; v++) store_first(c + first + v * kLanes<T>, sums[v], live(v));
                    }
                  });
}

// c[0 .. n) = sum over k of a(k), or to add, c + that
template <class T, class RowA>
void sum_rows(int64_t count, const RowA& a, int64_t n, T* c, bool add, Team& team) {
  sum_columns(count, [&](int64_t k, int64_t i, int live) { return load_first(a(k) + i, live); }, n, c, add, team);
}

// c[0 .. n) = sum over k of a(k) * b(k), element by element, or to add, c + that
template <class T, class RowA, class RowB>
void sum_products_of_rows(int64_t count, const RowA& a, const RowB& b, int64_t n, T* c, bool add, Team& team) {
  const auto product = [&](int64_t k, int64_t i, int live) {
    return load_first(a(k) + i, live) * load_first(b(k) + i, live);
  };
  sum_columns(count, product, n, c, add, team);
}

}  // namespace fastlm::cpu
