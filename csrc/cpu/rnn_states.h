// Where the states of a layer lie: h in the output, the others in the slots behind what forward saves.
#pragma once

#include <algorithm>
#include <type_traits>

#include "../core/rnn/recurrence.h"
#include "simd.h"

namespace fastlm::cpu {

// Args: RnnForward or RnnBackward.
template <class Cell, class Args>
class States {
 public:
  explicit States(const Args& args) : args_(args) {}

  // State s of a row, after its step.
  auto at(int s, int64_t row) const { return state_after<Cell>(args_, s, row); }

  // State s before step t, for sequence b and those after it that come from the same place; null data: zeros.
  auto before(int s, int64_t t, int64_t b) const {
    using T = std::remove_pointer_t<decltype(args_.output)>;
    struct Rows {
      const T* data;
      int64_t stride;
    };
    const Walk& walk = args_.walk;
    if (b < walk.continued(t))
      return Rows{at(s, walk.sequence.row(walk.before(t), b)),
                  s == 0 ? args_.output_stride : kSlots<Cell> * args_.hidden};
    return Rows{args_.hx[s] ? args_.hx[s] + b * args_.hidden : nullptr, args_.hidden};
  }

  auto load_before(int s, int64_t t, int64_t b, int64_t unit, int live) const {
    const auto* data = before(s, t, b).data;
    return data ? load_first(data + unit, live) : decltype(load_first(data, live))(0);
  }

  // The states after the last step of sequences [begin, end).
  void copy_final(int64_t begin, int64_t end) const {
    const Walk& walk = args_.walk;
    for (int64_t t = 0; t < walk.sequence.steps; t++)
      for (int64_t b = std::max(begin, walk.continuing(t)); b < std::min(end, walk.sequence.rows(t)); b++)
        for (int s = 0; s < Cell::kStates; s++)
          std::copy_n(at(s, walk.sequence.row(t, b)), args_.hidden, args_.hn[s] + b * args_.hidden);
  }

 private:
  const Args& args_;
};

// Sequences that make a thread worth its start: about 100,000 multiply-adds.
template <class Cell>
int64_t sequences_worth_a_thread(const Walk& walk, int64_t hidden) {
  const int64_t depth = Cell::kRecurrence == Recurrence::kMatrix ? hidden : 1;
  return std::max<int64_t>(1, 100000 / std::max<int64_t>(1, walk.sequence.steps * Cell::kGates * hidden * depth));
}

}  // namespace fastlm::cpu
