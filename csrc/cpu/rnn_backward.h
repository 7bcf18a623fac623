// Backward recurrence (BPTT) on the CPU: back through the steps, storing only the gradients of the pre-activations.
//
// Werbos (1990), "Backpropagation through time". The reductions over time (dW, dU, db) are the caller's, one product
// each.
#pragma once

#include <utility>
#include <vector>

#include "recurrent_product.h"
#include "rnn_states.h"
#include "simd_math.h"
#include "team.h"

namespace fastlm::cpu {

template <class Cell, class T>
class BackwardPass {
 public:
  using TileType = typename HiddenGradient<Cell, T>::TileType;

  BackwardPass(const RnnBackward<T>& args, Team& team)
      : args_(args),
        d_h_(args.w_hh, args.hidden, team),
        states_(args),
        carry_(carries<Cell>(0) || Cell::kStates > 1 ? Cell::kStates * args.walk.sequence.batch * args.hidden : 0) {}

  // Sequences [begin, end) of the batch, over all steps.
  void run(int64_t begin, int64_t end) {
    const Walk& walk = args_.walk;
    for (int64_t i = walk.sequence.steps - 1; i >= 0; i--) {
      const int64_t t = walk.step(i), rows = std::min(end, walk.sequence.rows(t));
      const int64_t split = std::clamp(walk.continuing(t), begin, std::max(begin, rows));
      for_tiles(begin, split, walk.after(t), [&](int64_t b, int64_t panel, const T* d_h) { finish(t, b, panel, d_h); });
      for_tiles(split, rows, -1, [&](int64_t b, int64_t panel, const T*) { finish(t, b, panel, nullptr); });
    }
    if (args_.d_hx[0]) initial(begin, end);
  }

 private:
  // Calls f(b, panel, the part of d_h that comes back through U from step t) for sequences [begin, end); t < 0: no
  // step.
  template <class F>
  void for_tiles(int64_t begin, int64_t end, int64_t t, F&& f) const {
    for (int64_t panel = 0; panel < count_panels<T>(args_.hidden); panel++)
      for_row_blocks(begin, end, [&](int64_t first, int count) {
        TileType d_h;
        if (t >= 0) {
          const int64_t row = args_.walk.sequence.row(t, first);
          d_h_.fill(d_h, panel, count, args_.d_h_gates + row * Cell::kGates * args_.hidden);
        }
        for (int r = 0; r < count; r++) f(first + r, panel, d_h.v[0][r]);
      });
  }

  // One step of one row, for the units of one panel. d_h: what comes back from the step after; null: the sequence ends
  // here.
  void finish(int64_t t, int64_t b, int64_t panel, const T* d_h) {
    constexpr int kLane = kLanes<T>;
    const int64_t hidden = args_.hidden, row = args_.walk.sequence.row(t, b);
    for (int v = 0; v < kPanelWidth<T>; v += kLane) {
      const int64_t unit = panel * kPanelWidth<T> + v;
      const int live = int(std::min<int64_t>(kLane, hidden - unit));
      if (live <= 0) return;
      Pack<Vec<T>, Cell::kStates> before, after, d;
      Pack<Vec<T>, Cell::kSaved> saved;
      for (int s = 0; s < Cell::kStates; s++) {
        before[s] = states_.load_before(s, t, b, unit, live);
        after[s] = load_first(states_.at(s, row) + unit, live);
        d[s] = d_h ? (carries<Cell>(s) ? load_first(carry(s, b) + unit, live) : Vec<T>(0))
                   : load_first(args_.grad_hn[s] + b * hidden + unit, live);
      }
      for (int k = 0; k < Cell::kSaved; k++)
        saved[k] = load_first(args_.saved + (row * kSlots<Cell> + k) * hidden + unit, live);
      d[0] += load_first(args_.grad_output + row * args_.grad_output_stride + unit, live);
      if (d_h) d[0] += load(d_h + v);
      const auto back = Cell::backward(saved, before, after, d);
      for (int g = 0; g < Cell::kGates; g++) {
        const int64_t at = (row * Cell::kGates + g) * hidden + unit;
        store_first(args_.d_x_gates + at, back.dx[g], live);
        if constexpr (!Cell::kGatesAdd) store_first(args_.d_h_gates + at, back.dh[g], live);
      }
      for (int s = 0; s < Cell::kStates; s++)
        if (carries<Cell>(s)) store_first(carry(s, b) + unit, back.d_before[s], live);
    }
  }

  // The gradient of the initial states: one more product, at the step where each sequence starts.
  void initial(int64_t begin, int64_t end) const {
    const Walk& walk = args_.walk;
    for (int64_t t = 0; t < walk.sequence.steps; t++)
      for_tiles(std::max(begin, walk.continued(t)), std::min(end, walk.sequence.rows(t)), t,
                [&](int64_t b, int64_t panel, const T* d_h) {
                  for (int v = 0; v < kPanelWidth<T>; v++) {
                    const int64_t unit = panel * kPanelWidth<T> + v;
                    if (unit >= args_.hidden) return;
                    for (int s = 0; s < Cell::kStates; s++)
                      args_.d_hx[s][b * args_.hidden + unit] =
                          (s == 0 ? d_h[v] : T(0)) + (carries<Cell>(s) ? carry(s, b)[unit] : T(0));
                  }
                });
  }

  const T* carry(int s, int64_t b) const { return carry_.data() + (s * args_.walk.sequence.batch + b) * args_.hidden; }
  T* carry(int s, int64_t b) { return const_cast<T*>(std::as_const(*this).carry(s, b)); }

  const RnnBackward<T>& args_;
  HiddenGradient<Cell, T> d_h_;
  States<Cell, RnnBackward<T>> states_;
  std::vector<T> carry_;  // [kStates, batch, H]: gradients on their way to the step before
};

template <class Cell, class T>
void backward_pass(const RnnBackward<T>& args, Team& team) {
  BackwardPass<Cell, T> pass(args, team);
  team.for_slices(args.walk.sequence.batch, sequences_worth_a_thread<Cell>(args.walk, args.hidden),
                  [&](int64_t begin, int64_t end) { pass.run(begin, end); });
}

}  // namespace fastlm::cpu
