// One recurrent layer on the CPU, every direction of it, for any cell by its name. T: float or double.
#pragma once

#include <string_view>
#include <vector>

#include "../core/rnn/recurrence.h"
#include "team.h"

namespace fastlm::cpu {

// A direction: the recurrence, with the products that lead into it and out of it. I = input features.
template <class T>
struct LayerForward : RnnForward<T> {  // its x_gates are not used
  int64_t inputs;
  const T* input;  // [rows, I]
  const T* w_ih;   // [G * H, I]
};

template <class T>
struct LayerBackward : RnnBackward<T> {  // its d_x_gates and d_h_gates are not used
  int64_t inputs;
  const T* input;  // [rows, I]
  const T* w_ih;   // [G * H, I]
  T* d_input;      // [rows, I], or null: not wanted
  bool add_input;  // add to d_input: another direction does so, too
  T* d_w_ih;       // [G * H, I]
  T* d_w_hh;       // as w_hh
  T* d_b_ih;       // [G * H], or null: no biases
  T* d_b_hh;
  T* d_w_hr;   // as w_hr
  T* d_gains;  // as gains
};

// State s of a row after its step.
template <class Cell, class Args>
auto state_after(const Args& args, int s, int64_t row) {
  return s == 0 ? args.output + row * args.output_stride : saved_state<Cell>(args, s, row);
}

// State s before step t of sequence b; null: zeros.
template <class Cell, class T>
const T* state_before(const LayerBackward<T>& args, int s, int64_t t, int64_t b) {
  const Walk& walk = args.walk;
  if (b < walk.continued(t)) return state_after<Cell>(args, s, walk.sequence.row(walk.before(t), b));
  return args.hx[s] ? args.hx[s] + b * width_of(args, s) : nullptr;
}

template <class T>
void rnn_forward(std::string_view cell, const std::vector<LayerForward<T>>& directions, Team& team);

template <class T>
void rnn_backward(std::string_view cell, const std::vector<LayerBackward<T>>& directions, Team& team);

}  // namespace fastlm::cpu
