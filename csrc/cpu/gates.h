// The products with W and U around a cell, in tiles of a few rows by one panel of units.
//
// The matrices are packed once a call, unless too few rows will meet them. A diagonal recurrence needs no product at
// all, one multiplication a unit.
#pragma once

#include <type_traits>
#include <vector>

#include "../core/rnn/cell.h"
#include "../core/rnn/sequence.h"
#include "direct.h"
#include "product.h"

namespace fastlm::cpu {

// A number for each gate and unit, [gates][hidden] with zeros behind each gate up to the end of its last panel.
template <class T>
class GateVector {
 public:
  GateVector(int gates, int64_t hidden)
      : gates_(gates), hidden_(hidden), padded_(count_panels<T>(hidden) * kPanelWidth<T>), data_(gates * padded_) {}

  void add(const T* values) {  // [gates * hidden] or null
    for (int g = 0; values && g < gates_; g++)
      for (int64_t u = 0; u < hidden_; u++) data_[g * padded_ + u] += values[g * hidden_ + u];
  }
  const T* unit(int g, int64_t u) const { return data_.data() + g * padded_ + u; }
  const T* at(int g, int64_t panel) const { return unit(g, panel * kPanelWidth<T>); }

 private:
  int gates_;
  int64_t hidden_, padded_;
  std::vector<T> data_;
};

// Whether a matrix is met often enough: by more than a few rows.
inline bool pays_to_pack(const Walk& walk) { return walk.sequence.steps * walk.sequence.batch > 8; }

// Calls pack(panel) for every panel of a matrix, on the team.
template <class T, class Pack>
void pack_panels(Team& team, int64_t columns, int64_t depth, const Pack& pack) {
  const int64_t panel_work = std::max<int64_t>(1, depth * kPanelWidth<T>);
  team.for_slices(count_panels<T>(columns), std::max<int64_t>(1, kWorthAThread / panel_work),
                  [&](int64_t begin, int64_t end) {
                    for (int64_t p = begin; p < end; p++) pack(p);
                  });
}

// Gate g of a row: bias_g + M_g row, with the gates' matrices M in one, [gates * hidden, depth].
template <class T>
class GateProduct {
 public:
  GateVector<T> bias;

  // packed: whether it pays to pack, for the rows that will come.
  GateProduct(int gates, const T* matrix, int64_t hidden, int64_t depth, bool packed, Team& team)
      : bias(gates, hidden), matrix_(matrix), hidden_(hidden), depth_(depth) {
    if (!packed) return;
    for (int g = 0; g < gates; g++) matrices_.emplace_back(depth, hidden);
    pack_panels<T>(team, hidden, gates * depth, [&](int64_t p) {
      for (int g = 0; g < gates; g++) matrices_[g].pack_transposed(p, matrix + g * hidden * depth, depth);
    });
  }

  // out: [count][kPanelWidth]; rows are `stride` apart.
  void fill(T* out, int g, int64_t panel, int count, const T* rows, int64_t stride) const {
    if (!matrices_.empty())
      return multiply_panel<T, false>(count, {rows, stride}, matrices_[g].panel(panel), depth_, bias.at(g, panel), out);
    const int64_t unit = panel * kPanelWidth<T>, units = std::min<int64_t>(kPanelWidth<T>, hidden_ - unit);
    for (int r = 0; r < count; r++, out += kPanelWidth<T>) {
      std::fill(out + units, out + kPanelWidth<T>, T(0));
      multiply_rows_by_vector(matrix_ + (g * hidden_ + unit) * depth_, depth_, units, depth_, rows + r * stride,
                              bias.at(g, panel), out);
    }
  }

 private:
  const T* matrix_;
  int64_t hidden_, depth_;
  std::vector<PackedMatrix<T>> matrices_;
};

// Gate g of a unit: bias_g + w_g h, from the unit's own h; rows are readable up to the end of the last panel.
template <class T>
class DiagonalGates {
 public:
  GateVector<T> bias;

  DiagonalGates(int gates, const T* weights, int64_t hidden, int64_t, bool, Team&)
      : bias(gates, hidden), weights_(gates, hidden) {
    weights_.add(weights);
  }

  void fill(T* out, int g, int64_t panel, int count, const T* rows, int64_t stride) const {
    for (int r = 0; r < count; r++)
      for (int v = 0; v < kPanelWidth<T>; v += kLanes<T>)
        store(out + r * kPanelWidth<T> + v,
              multiply_add(load(weights_.at(g, panel) + v), load(rows + r * stride + panel * kPanelWidth<T> + v),
                           load(bias.at(g, panel) + v)));
  }

 private:
  GateVector<T> weights_;
};

template <class Cell>
inline constexpr bool kHasMatrix = Cell::kRecurrence == Recurrence::kMatrix;

template <class Cell, class T>
using HiddenGates = std::conditional_t<kHasMatrix<Cell>, GateProduct<T>, DiagonalGates<T>>;

// The way back through a matrix M [depth, columns]: M^T d.
template <class T>
class BackProduct {
 public:
  BackProduct(const T* matrix, int64_t depth, int64_t columns, bool packed, Team& team)
      : source_(matrix),
        packed_(packed),
        matrix_(packed ? depth : 0, columns),
        depth_(depth),
        direct_(packed ? 0 : count_panels<T>(columns) * kPanelWidth<T>) {
    if (packed)
      pack_panels<T>(team, columns, depth,
                     [&](int64_t p) { matrix_.pack(p, [&](int64_t k) { return matrix + k * columns; }); });
  }

  // Without packing the product of a row is done for all panels [first, last) at once, before they are asked for.
  void prepare(int64_t first, int64_t last, const T* d) {
    if (packed_) return;
    const int64_t columns = matrix_.columns(), begin = first * kPanelWidth<T>;
    const int64_t end = std::min(last * kPanelWidth<T>, columns);
    if (begin < end) sum_weighted_rows(source_ + begin, columns, end - begin, depth_, d, direct_.data() + begin);
  }

  // d: `count` rows of [depth], `stride` apart
  void fill(Tile<T, 1>& tile, int64_t panel, int count, const T* d, int64_t stride) const {
    alignas(64) static constexpr T kZeros[kPanelWidth<T>] = {};
    if (packed_)
      multiply_panel<T, false>(count, {d, stride}, matrix_.panel(panel), depth_, kZeros, tile.v[0][0]);
    else
      std::copy_n(direct_.data() + panel * kPanelWidth<T>, kPanelWidth<T>, tile.v[0][0]);
  }

 private:
  const T* source_;
  bool packed_;
  PackedMatrix<T> matrix_;
  int64_t depth_;
  Buffer<T> direct_;  // [columns], of one row
};

// The way back through a diagonal U, [gates * hidden]: gate by gate, unit by unit.
template <class T>
class DiagonalBack {
 public:
  DiagonalBack(const T* weights, int64_t depth, int64_t hidden, bool, Team&)
      : weights_(weights), depth_(depth), hidden_(hidden) {}

  void prepare(int64_t, int64_t, const T*) {}

  void fill(Tile<T, 1>& tile, int64_t panel, int count, const T* d, int64_t stride) const {
    for (int r = 0; r < count; r++)
      for (int v = 0; v < kPanelWidth<T>; v += kLanes<T>) {
        const int64_t unit = panel * kPanelWidth<T> + v;
        const int live = int(std::clamp<int64_t>(hidden_ - unit, 0, kLanes<T>));
        Vec<T> sum(0);
        for (int64_t at = unit; at < depth_; at += hidden_)
          sum = multiply_add(load_first(weights_ + at, live), load_first(d + r * stride + at, live), sum);
        store(tile.v[0][r] + v, sum);
      }
  }

 private:
  const T* weights_;
  int64_t depth_, hidden_;
};

template <class Cell, class T>
using HiddenBack = std::conditional_t<kHasMatrix<Cell>, BackProduct<T>, DiagonalBack<T>>;

}  // namespace fastlm::cpu
