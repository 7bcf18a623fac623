// Forward recurrence on the CPU: packed U, register-blocked product, the cell fused behind it.
//
// The batch is split over the team: sequences do not depend on each other, so there is no barrier anywhere.
#pragma once

#include "recurrent_product.h"
#include "rnn_states.h"
#include "simd_math.h"
#include "team.h"

namespace fastlm::cpu {

template <class Cell, class T>
class ForwardPass {
 public:
  ForwardPass(const RnnForward<T>& args, Team& team)
      : args_(args), h_gates_(args.w_hh, args.b_hh, args.hidden, team), states_(args) {}

  // Sequences [begin, end) of the batch, over all steps.
  void run(int64_t begin, int64_t end) const {
    const Walk& walk = args_.walk;
    for (int64_t i = 0; i < walk.sequence.steps; i++) {
      const int64_t t = walk.step(i), rows = std::min(end, walk.sequence.rows(t));
      const int64_t split = std::clamp(walk.continued(t), begin, std::max(begin, rows));
      step(t, begin, split);
      step(t, split, rows);
    }
    states_.copy_final(begin, end);
  }

 private:
  // Rows [begin, end) of step t, which all come from the step before or all start here.
  void step(int64_t t, int64_t begin, int64_t end) const {
    for (int64_t panel = 0; panel < count_panels<T>(args_.hidden); panel++)
      for_row_blocks(begin, end, [&](int64_t first, int count) {
        typename HiddenGates<Cell, T>::TileType h_gates;
        const auto h = states_.before(0, t, first);
        h_gates_.fill(h_gates, panel, count, h.data, h.stride);
        for (int r = 0; r < count; r++) finish(t, first + r, panel, h_gates, r);
      });
  }

  // The cell itself, for the units of one panel in one row.
  void finish(int64_t t, int64_t b, int64_t panel, const typename HiddenGates<Cell, T>::TileType& h_gates,
              int r) const {
    constexpr int kLane = kLanes<T>;
    const int64_t hidden = args_.hidden, row = args_.walk.sequence.row(t, b);
    for (int v = 0; v < kPanelWidth<T>; v += kLane) {
      const int64_t unit = panel * kPanelWidth<T> + v;
      const int live = int(std::min<int64_t>(kLane, hidden - unit));
      if (live <= 0) return;
      Pack<Vec<T>, Cell::kGates> x, h;
      Pack<Vec<T>, Cell::kStates> before;
      for (int g = 0; g < Cell::kGates; g++) {
        x[g] = load_first(args_.x_gates + (row * Cell::kGates + g) * hidden + unit, live);
        if (args_.b_ih) x[g] += load_first(args_.b_ih + g * hidden + unit, live);
        h[g] = load(h_gates.v[g][r] + v);
      }
      for (int s = 0; s < Cell::kStates; s++) before[s] = states_.load_before(s, t, b, unit, live);
      const auto f = Cell::forward(x, h, before);
      for (int s = 0; s < Cell::kStates; s++) store_first(states_.at(s, row) + unit, f.after[s], live);
      for (int k = 0; k < Cell::kSaved; k++)
        store_first(args_.saved + (row * kSlots<Cell> + k) * hidden + unit, f.saved[k], live);
    }
  }

  const RnnForward<T>& args_;
  HiddenGates<Cell, T> h_gates_;
  States<Cell, RnnForward<T>> states_;
};

template <class Cell, class T>
void forward_pass(const RnnForward<T>& args, Team& team) {
  const ForwardPass<Cell, T> pass(args, team);
  team.for_slices(args.walk.sequence.batch, sequences_worth_a_thread<Cell>(args.walk, args.hidden),
                  [&](int64_t begin, int64_t end) { pass.run(begin, end); });
}

}  // namespace fastlm::cpu
