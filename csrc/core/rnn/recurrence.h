// What the recurrence of one layer and direction works on, forward and backward, on any device.
//
// What is left here is what must go step by step: the products before it (x_gates = W x) and the reductions over time
// behind it (dW, dU, db) are done whole. T is the number that is stored, C the one that is computed with: the same, or
// float for the 16-bit types. H = hidden, G = kGates, P = options.outputs. Rows are laid out as sequence.h says.
// Trivial structs: they are passed to GPU kernels as they are.
#pragma once

#include "cell.h"
#include "options.h"
#include "sequence.h"

namespace fastlm {

template <class T, class C = T>
struct RnnForward {
  Walk walk;
  int64_t hidden;
  RnnOptions<T> options;
  const T* x_gates;         // [rows, G * H], without bias; with layer norm before it
  const T* b_ih;            // [G * H] or null
  const T* b_hh;            // [G * H] or null
  const T* w_hh;            // [G * H, P], or [G * H] for a diagonal recurrence
  const T* hx[kMaxStates];  // a state each: [batch, P], [batch, H]; or null for zeros
  T* output;                // [rows, P], rows output_stride apart
  int64_t output_stride;
  C* saved;               // [rows, kSlots * H], or null: no gradient will be asked
  C* kept;                // [rows, KeptLayout::width], with saved
  T* hn[kMaxStates];      // as hx
  T* states[kMaxStates];  // state s > 0 of every step, [rows, H], rows options.states_stride apart; null: not wanted
};

template <class T, class C = T>
struct RnnBackward {
  Walk walk;
  int64_t hidden;
  RnnOptions<T> options;
  const T* w_hh;
  const T* hx[kMaxStates];
  const T* output;
  int64_t output_stride;
  const C* saved;
  const C* kept;
  const T* grad_output;  // [rows, P], rows grad_output_stride apart
  int64_t grad_output_stride;
  const T* grad_hn[kMaxStates];      // as hx
  const T* grad_states[kMaxStates];  // as states
  T* d_x_gates;                      // [rows, G * H]
  T* d_h_gates;  // [rows, G * H]; the same array as d_x_gates where the cell's kGatesAdd and there is no layer norm
  T* d_hx[kMaxStates];  // as hx; null: not wanted
  // On a GPU, what the gradients of the options' parameters are made of behind the loop, a row each; null: not used.
  // With kept.* for a part of KeptLayout, and sum over the rows:
  //   d_w_hr   [P, H]   d_projected^T kept.unprojected
  //   d_gains  [G * H]  sum(d_x_normed kept.x_normal), then sum(d_h_normed kept.h_normal), element by element; then
  //            [H]      sum(d_state_normed kept.state_normal), and sum(d_state_normed), the gradient of the shift
  //   d_b_ih, d_b_hh    with layer norm sum(d_x_normed), sum(d_h_normed): a bias is the shift of its norm
  // while dW, dU and d_input are made of d_x_gates and d_h_gates as ever.
  T* d_x_normed;      // [rows, G * H]: with layer norm, gradient of its result for W x
  T* d_h_normed;      // [rows, G * H]: for U h; null where the cell's kGatesAdd: then it is d_x_normed
  T* d_state_normed;  // [rows, H]: for the state, where the cell's output is apart
  T* d_projected;     // [rows, P]: with a projection, gradient of its result
};

// State s > 0 of a row after its step, [H]: in the slots behind what the cell saves. State 0 is the output.
template <class Cell, class Args>
FASTLM_HD auto saved_state(const Args& args, int s, int64_t row) {
  static_assert(Cell::kStates <= kMaxStates);
  return args.saved + (row * kSlots<Cell> + Cell::kSaved + s - 1) * args.hidden;
}

// Whether the gradient of state s has a path to the step before that does not go through U, and so must be carried.
template <class Cell>
FASTLM_HD constexpr bool carries(int s) {
  return s > 0 || Cell::kDirectPath;
}
template <class Cell, class Args>
FASTLM_HD constexpr bool carries_state(const Args& args, int s) {
  return carries<Cell>(s) || args.options.zoneout.p[s] > 0;
}

// Units of state s.
template <class Args>
FASTLM_HD constexpr int64_t width_of(const Args& args, int s) {
  return s == 0 ? args.options.outputs : args.hidden;
}

}  // namespace fastlm
