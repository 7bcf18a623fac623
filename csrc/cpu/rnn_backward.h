// Backward recurrence (BPTT) on the CPU: back through the steps, storing only the gradients of the pre-activations,
// then the reductions over time (dX, dW, dU, db), one product each.
//
// Werbos (1990), "Backpropagation through time".
#pragma once

#include <vector>

#include "gates.h"
#include "rnn.h"
#include "schedule.h"
#include "simd_math.h"

namespace fastlm::cpu {

template <class Cell, class T>
class BackwardPass {
  static constexpr int G = Cell::kGates, S = Cell::kStates, kWidth = kPanelWidth<T>, kLane = kLanes<T>;

 public:
  BackwardPass(const LayerBackward<T>& args, Team& team)
      : args_(args),
        stride_(count_panels<T>(args.hidden) * kWidth),
        d_h_(args.w_hh, args.hidden, args.walk.sequence.batch > 1 || pays_to_pack(args.walk), team),
        carry_(kCarries ? S * args.walk.sequence.batch * stride_ : 0) {}

  // All steps of a share; its sync() after each of them.
  template <class Sync>
  void run(const Share& share, const Sync& sync) {
    const Walk& walk = args_.walk;
    for (int64_t i = walk.sequence.steps - 1; i >= 0; i--) {
      const int64_t t = walk.step(i), rows = std::min(share.end, walk.sequence.rows(t));
      const int64_t split = std::clamp(walk.continuing(t), share.begin, std::max(share.begin, rows));
      for_tiles(share, share.begin, split, walk.after(t), t,
                [&](int64_t b, int64_t p, const T* d_h) { step(t, b, p, d_h); });
      for_tiles(share, split, rows, -1, t, [&](int64_t b, int64_t p, const T*) { step(t, b, p, nullptr); });
      sync();
    }
    if (args_.d_hx[0]) initial(share);
  }

  // What needs no order: the sums over all rows.
  void reduce(Team& team) const {
    const int64_t rows = count_rows(), hidden = args_.hidden, inputs = args_.inputs;
    const auto row_of = [](const T* data, int64_t stride) { return [=](int64_t k) { return data + k * stride; }; };
    const auto d_x_gates = row_of(args_.d_x_gates, G * hidden), d_h_gates = row_of(args_.d_h_gates, G * hidden);
    sum_outer_products(rows, d_x_gates, G * hidden, row_of(args_.input, inputs), inputs, args_.d_w_ih, team);
    const std::vector<const T*> before = hidden_before();
    if constexpr (kHasMatrix<Cell>)
      sum_outer_products(rows, d_h_gates, G * hidden, [&](int64_t k) { return before[k]; }, hidden, args_.d_w_hh, team);
    else
      sum_products(before);
    if (args_.d_b_ih) {
      sum_rows(rows, d_x_gates, G * hidden, args_.d_b_ih, team);
      if (Cell::kGatesAdd)
        std::copy_n(args_.d_b_ih, G * hidden, args_.d_b_hh);
      else
        sum_rows(rows, d_h_gates, G * hidden, args_.d_b_hh, team);
    }
    if (args_.d_input) {
      PackedMatrix<T> w_ih(G * hidden, inputs);
      pack_panels<T>(team, inputs, G * hidden, [&](int64_t p) { w_ih.pack(p, row_of(args_.w_ih, inputs)); });
      multiply_rows(args_.d_x_gates, rows, w_ih, args_.d_input, args_.add_input, team);
    }
  }

 private:
  static constexpr bool kCarries = Cell::kDirectPath || Cell::kStates > 1;

  int64_t count_rows() const {
    const Sequence& sequence = args_.walk.sequence;
    return sequence.row(sequence.steps - 1, 0) + sequence.rows(sequence.steps - 1);
  }
  T* carry(int s, int64_t b) { return carry_.data() + (s * args_.walk.sequence.batch + b) * stride_; }

  // State s before step t of sequence b, [H]; null: zeros.
  const T* before(int s, int64_t t, int64_t b) const {
    const Walk& walk = args_.walk;
    if (b < walk.continued(t)) return state_after<Cell>(args_, s, walk.sequence.row(walk.before(t), b));
    return args_.hx[s] ? args_.hx[s] + b * args_.hidden : nullptr;
  }

  // What forward saved comes from far away: it is asked for before the product, which takes as long.
  void prefetch(int64_t t, int64_t b, int64_t panel) const {
    const int64_t row = args_.walk.sequence.row(t, b), unit = panel * kWidth;
    const auto fetch = [](const T* p) { __builtin_prefetch(p), __builtin_prefetch(p + kLane); };
    for (int k = 0; k < kSlots<Cell>; k++) fetch(args_.saved + (row * kSlots<Cell> + k) * args_.hidden + unit);
    fetch(args_.grad_output + row * args_.grad_output_stride + unit);
    fetch(args_.output + row * args_.output_stride + unit);
  }

  // Calls f(b, panel, the part of d_h that comes back through U from step t) for sequences [begin, end); t < 0: no
  // step. ahead: the step whose saved values f will read; < 0: none.
  template <class F>
  void for_tiles(const Share& share, int64_t begin, int64_t end, int64_t t, int64_t ahead, F&& f) {
    if (t >= 0 && begin < end)
      d_h_.prepare(share.first, share.last, args_.d_h_gates + args_.walk.sequence.row(t, begin) * G * args_.hidden);
    for (int64_t p = share.first; p < share.last; p++)
      for_row_blocks(begin, end, [&](int64_t first, int count) {
        Tile<T, 1> d_h;
        for (int r = 0; ahead >= 0 && r < count; r++) prefetch(ahead, first + r, p);
        if (t >= 0) {
          const int64_t row = args_.walk.sequence.row(t, first);
          d_h_.fill(d_h, p, count, args_.d_h_gates + row * G * args_.hidden);
        }
        for (int r = 0; r < count; r++) f(first + r, p, d_h.v[0][r]);
      });
  }

  void step(int64_t t, int64_t b, int64_t panel, const T* d_h) {
    if ((panel + 1) * kWidth <= args_.hidden)
      cell<true>(t, b, panel, d_h);
    else
      cell<false>(t, b, panel, d_h);
  }

  // The cell itself, for the units of one panel in one row. d_h: what comes back from the step after; null: the
  // sequence ends here.
  template <bool Whole>
  void cell(int64_t t, int64_t b, int64_t panel, const T* d_h) {
    const int64_t hidden = args_.hidden, row = args_.walk.sequence.row(t, b);
    const T *before_row[S], *after_row[S];
    for (int s = 0; s < S; s++) before_row[s] = before(s, t, b), after_row[s] = state_after<Cell>(args_, s, row);
    const T* const saved_row = args_.saved + row * kSlots<Cell> * hidden;
    const T* const grad_row = args_.grad_output + row * args_.grad_output_stride;
    for (int v = 0; v < kWidth; v += kLane) {
      const int64_t unit = panel * kWidth + v;
      const int live = Whole ? kLane : int(std::clamp<int64_t>(hidden - unit, 0, kLane));
      Pack<Vec<T>, S> before, after, d;
      Pack<Vec<T>, Cell::kSaved> saved;
      for (int s = 0; s < S; s++) {
        before[s] = before_row[s] ? load_first(before_row[s] + unit, live) : Vec<T>(0);
        after[s] = load_first(after_row[s] + unit, live);
        d[s] = d_h ? (carries<Cell>(s) ? load(carry(s, b) + unit) : Vec<T>(0))
                   : load_first(args_.grad_hn[s] + b * hidden + unit, live);
      }
      for (int k = 0; k < Cell::kSaved; k++) saved[k] = load_first(saved_row + k * hidden + unit, live);
      d[0] += load_first(grad_row + unit, live);
      if (d_h) d[0] += load(d_h + v);
      const auto back = Cell::backward(saved, before, after, d);
      for (int g = 0; g < G; g++) {
        const int64_t at = (row * G + g) * hidden + unit;
        store_first(args_.d_x_gates + at, back.dx[g], live);
        if constexpr (!Cell::kGatesAdd) store_first(args_.d_h_gates + at, back.dh[g], live);
      }
      for (int s = 0; s < S; s++)
        if (carries<Cell>(s)) store(carry(s, b) + unit, back.d_before[s]);
    }
  }

  // The gradient of the initial states: one more product, at the step where each sequence starts.
  void initial(const Share& share) {
    const Walk& walk = args_.walk;
    for (int64_t t = 0; t < walk.sequence.steps; t++)
      for_tiles(share, std::max(share.begin, walk.continued(t)), std::min(share.end, walk.sequence.rows(t)), t, -1,
                [&](int64_t b, int64_t panel, const T* d_h) {
                  for (int v = 0; v < kWidth; v++) {
                    const int64_t unit = panel * kWidth + v;
                    if (unit >= args_.hidden) return;
                    for (int s = 0; s < S; s++)
                      args_.d_hx[s][b * args_.hidden + unit] =
                          (s == 0 ? d_h[v] : T(0)) + (carries<Cell>(s) ? carry(s, b)[unit] : T(0));
                  }
                });
  }

  // h before the step of each row, the operand of U; null: zeros.
  std::vector<const T*> hidden_before() const {
    std::vector<const T*> rows;
    for (int64_t t = 0; t < args_.walk.sequence.steps; t++)
      for (int64_t b = 0; b < args_.walk.sequence.rows(t); b++) rows.push_back(before(0, t, b));
    return rows;
  }

  // The gradient of a diagonal U: element by element.
  void sum_products(const std::vector<const T*>& before) const {
    const int64_t hidden = args_.hidden;
    std::fill_n(args_.d_w_hh, G * hidden, T(0));
    for (size_t row = 0; row < before.size(); row++)
      for (int64_t g = 0; before[row] && g < G; g++)
        for (int64_t u = 0; u < hidden; u++)
          args_.d_w_hh[g * hidden + u] += args_.d_h_gates[(row * G + g) * hidden + u] * before[row][u];
  }

  const LayerBackward<T>& args_;
  int64_t stride_;
  HiddenGradient<Cell, T> d_h_;
  Buffer<T> carry_;  // [S][batch][stride]: gradients on their way to the step before
};

template <class Cell, class T>
void backward_pass(const std::vector<LayerBackward<T>>& directions, Team& team) {
  std::vector<BackwardPass<Cell, T>> passes;
  passes.reserve(directions.size());
  for (const auto& direction : directions) passes.emplace_back(direction, team);
  const LayerBackward<T>& any = directions[0];
  run_shares<T>(team, directions.size(), any.walk.sequence.batch, any.hidden, work_of<Cell>(any),
                [&](int64_t d, const Share& share, const auto& sync) { passes[d].run(share, sync); });
  for (const auto& pass : passes) pass.reduce(team);
}

}  // namespace fastlm::cpu
