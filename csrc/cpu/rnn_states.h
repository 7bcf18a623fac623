// Where the states of a layer lie: h in the output, the others in the slots behind what forward saves.
#pragma once

#include <algorithm>
#include <type_traits>
#include <vector>

#include "../core/rnn/cell.h"
#include "../core/rnn/sequence.h"
#include "rnn.h"
#include "simd.h"

namespace fastlm::cpu {

// T is const in the backward pass.
template <class Cell, class T>
class States {
 public:
  template <class Args>
  explicit States(const Args& args)
      : output_(args.output),
        output_stride_(args.output_stride),
        saved_(args.saved),
        hidden_(args.hidden),
        hx_(args.hx) {}

  // State s of a row, after its step.
  T* at(int s, int64_t row) const {
    return s == 0 ? output_ + row * output_stride_ : saved_ + (row * kSlots<Cell> + Cell::kSaved + s - 1) * hidden_;
  }

  struct Rows {
    const T* data;  // null: zeros
    int64_t stride;
  };

  // State s before step t, for sequence b and those after it that come from the same place.
  Rows before(const Walk& walk, int s, int64_t t, int64_t b) const {
    if (b < walk.continued(t))
      return {at(s, walk.sequence.row(walk.before(t), b)), s == 0 ? output_stride_ : kSlots<Cell> * hidden_};
    return {hx_[s] ? hx_[s] + b * hidden_ : nullptr, hidden_};
  }

  auto load_before(const Walk& walk, int s, int64_t t, int64_t b, int64_t unit, int live) const {
    using Number = std::remove_const_t<T>;
    const T* data = before(walk, s, t, b).data;
    return data ? load_first(data + unit, live) : Vec<Number>(0);
  }

  // The states after the last step of sequences [begin, end).
  void copy_final(const Walk& walk, const std::vector<std::remove_const_t<T>*>& hn, int64_t begin, int64_t end) const {
    for (int64_t t = 0; t < walk.sequence.steps; t++)
      for (int64_t b = std::max(begin, walk.continuing(t)); b < std::min(end, walk.sequence.rows(t)); b++)
        for (int s = 0; s < Cell::kStates; s++)
          std::copy_n(at(s, walk.sequence.row(t, b)), hidden_, hn[s] + b * hidden_);
  }

 private:
  T* output_;
  int64_t output_stride_;
  T* saved_;
  int64_t hidden_;
  std::vector<const std::remove_const_t<T>*> hx_;
};

// Sequences that make a thread worth its start: about 100,000 multiply-adds.
template <class Cell>
int64_t sequences_worth_a_thread(const Walk& walk, int64_t hidden) {
  const int64_t depth = Cell::kRecurrence == Recurrence::kMatrix ? hidden : 1;
  return std::max<int64_t>(1, 100000 / std::max<int64_t>(1, walk.sequence.steps * Cell::kGates * hidden * depth));
}

}  // namespace fastlm::cpu
