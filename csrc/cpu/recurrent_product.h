// How the hidden state reaches the gates: the products with U of the forward and of the backward step.
//
// One tile is the work unit: a few rows of the batch by one panel of hidden units. The matrix is packed when the object
// is made; a diagonal recurrence needs no product at all and is one multiplication per unit.
#pragma once

#include <algorithm>
#include <vector>

#include "../core/rnn/cell.h"
#include "panel.h"
#include "team.h"

namespace fastlm::cpu {

template <class T, int Tiles>
struct alignas(64) Tile {  // [Tiles][row][unit of the panel]
  T v[Tiles][kMaxRows][kPanelWidth<T>];
};

template <class T>
int64_t count_panels(int64_t hidden) {
  return (hidden + kPanelWidth<T> - 1) / kPanelWidth<T>;
}

// h_gates[g] = U_g h + b_hh
template <class Cell, class T>
class HiddenGates {
 public:
  using TileType = Tile<T, Cell::kGates>;

  HiddenGates(const T* w_hh, const T* b_hh, int64_t hidden, Team& team)
      : w_hh_(w_hh), hidden_(hidden), bias_(Cell::kGates * padded(), T(0)) {
    if (b_hh)
      for (int g = 0; g < Cell::kGates; g++) std::copy_n(b_hh + g * hidden, hidden, bias_.data() + g * padded());
    if constexpr (Cell::kRecurrence == Recurrence::kMatrix) {
      for (int g = 0; g < Cell::kGates; g++) matrix_.emplace_back(hidden, hidden);
      team.for_slices(count_panels<T>(hidden), 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++)
          for (int g = 0; g < Cell::kGates; g++) matrix_[g].pack(p, w_hh_ + g * hidden * hidden, 1, hidden);
      });
    }
  }

  // h: `rows` rows of the hidden state, row_stride apart; null: zeros
  void fill(TileType& tile, int64_t panel, int rows, const T* h, int64_t row_stride) const {
    constexpr int kWidth = kPanelWidth<T>, kLane = kLanes<T>;
    const int64_t unit = panel * kWidth;
    for (int g = 0; g < Cell::kGates; g++) {
      const T* bias = bias_.data() + g * padded() + unit;
      if (!h) {
        for (int r = 0; r < rows; r++) std::copy_n(bias, kWidth, tile.v[g][r]);
      } else if constexpr (Cell::kRecurrence == Recurrence::kMatrix) {
        multiply_panel(rows, h, row_stride, matrix_[g].panel(panel), hidden_, bias, tile.v[g][0]);
      } else {
        for (int r = 0; r < rows; r++)
          for (int v = 0; v < kWidth; v += kLane) {
            const int live = int(std::clamp<int64_t>(hidden_ - unit - v, 0, kLane));
            const auto u = load_first(w_hh_ + g * hidden_ + unit + v, live);
            store(tile.v[g][r] + v, multiply_add(u, load_first(h + r * row_stride + unit + v, live), load(bias + v)));
          }
      }
    }
  }

 private:
  int64_t padded() const { return count_panels<T>(hidden_) * kPanelWidth<T>; }

  const T* w_hh_;
  int64_t hidden_;
  std::vector<T> bias_;  // [G][padded H]
  std::vector<PackedMatrix<T>> matrix_;
};

// d_h = sum over the gates of U_g^T d_h_gates[g]
template <class Cell, class T>
class HiddenGradient {
 public:
  using TileType = Tile<T, 1>;

  HiddenGradient(const T* w_hh, int64_t hidden, Team& team)
      : w_hh_(w_hh), hidden_(hidden), matrix_(is_matrix() ? Cell::kGates * hidden : 0, hidden) {
    if constexpr (is_matrix())
      team.for_slices(count_panels<T>(hidden), 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; p++) matrix_.pack(p, w_hh_, hidden, 1);
      });
  }

  // d_h_gates: `rows` rows of [G * H]
  void fill(TileType& tile, int64_t panel, int rows, const T* d_h_gates) const {
    constexpr int kWidth = kPanelWidth<T>, kLane = kLanes<T>;
    const int64_t row_stride = Cell::kGates * hidden_, unit = panel * kWidth;
    if constexpr (is_matrix()) {
      alignas(64) static constexpr T kZeros[kWidth] = {};
      multiply_panel(rows, d_h_gates, row_stride, matrix_.panel(panel), matrix_.depth(), kZeros, tile.v[0][0]);
    } else {
      for (int r = 0; r < rows; r++)
        for (int v = 0; v < kWidth; v += kLane) {
          const int live = int(std::clamp<int64_t>(hidden_ - unit - v, 0, kLane));
          Vec<T> sum(0);
          for (int g = 0; g < Cell::kGates; g++) {
            const int64_t at = g * hidden_ + unit + v;
            sum = multiply_add(load_first(w_hh_ + at, live), load_first(d_h_gates + r * row_stride + at, live), sum);
          }
          store(tile.v[0][r] + v, sum);
        }
    }
  }

 private:
  static constexpr bool is_matrix() { return Cell::kRecurrence == Recurrence::kMatrix; }

  const T* w_hh_;
  int64_t hidden_;
  PackedMatrix<T> matrix_;  // [G * H, H]
};

}  // namespace fastlm::cpu
