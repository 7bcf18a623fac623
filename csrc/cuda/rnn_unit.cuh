// One hidden unit of one row at one step: what it reads, the cell, what it writes. The same for every kernel.
#pragma once

#include "../core/rnn/recurrence.h"
#include "device.cuh"

namespace fastlm::cuda {

// Sequences [begin, begin + rows) of the batch that have a row at step t: they are the first ones.
__device__ __forceinline__ int live_rows(const Sequence& sequence, int64_t t, int64_t begin, int rows) {
  const int64_t live = sequence.rows(t) - begin;
  return live < 0 ? 0 : live < rows ? int(live) : rows;
}

template <class Args>
__device__ __forceinline__ auto initial_state(const Args& args, int s, int64_t b, int64_t unit) {
  using Number = std::decay_t<decltype(*args.hx[s])>;
  return args.hx[s] ? args.hx[s][b * args.hidden + unit] : Number(0);
}

// State s before step t.
template <class Cell, class Args>
__device__ __forceinline__ auto state_before(const Args& args, int s, int64_t t, int64_t b, int64_t unit) {
  return b < args.walk.continued(t) ? state_after<Cell>(args, s, args.walk.sequence.row(args.walk.before(t), b))[unit]
                                    : initial_state(args, s, b, unit);
}

template <class Cell, class T>
__device__ __forceinline__ Pack<T, Cell::kGates> load_x_gates(const RnnForward<T>& args, int64_t row, int64_t unit) {
  Pack<T, Cell::kGates> x;
  FASTLM_UNROLL
  for (int g = 0; g < Cell::kGates; g++) {
    x[g] = args.x_gates[(row * Cell::kGates + g) * args.hidden + unit];
    if (args.b_ih) x[g] += args.b_ih[g * args.hidden + unit];
  }
  return x;
}

// h: the product with U, without its bias. state: before the step, and then after it.
template <class Cell, class T>
__device__ __forceinline__ void finish_forward(const RnnForward<T>& args, int64_t row, int64_t unit,
                                               const Pack<T, Cell::kGates>& x, Pack<T, Cell::kGates> h,
                                               Pack<T, Cell::kStates>& state) {
  if (args.b_hh) {
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) h[g] += args.b_hh[g * args.hidden + unit];
  }
  const auto f = Cell::forward(x, h, state);
  state = f.after;
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) state_after<Cell>(args, s, row)[unit] = state[s];
  FASTLM_UNROLL
  for (int k = 0; k < Cell::kSaved; k++) args.saved[(row * kSlots<Cell> + k) * args.hidden + unit] = f.saved[k];
}

// d: gradient of the states after the step, without that of the output; then the direct path to the states before.
// Returns the gradients of the hidden-side pre-activations.
template <class Cell, class T>
__device__ __forceinline__ Pack<T, Cell::kGates> finish_backward(const RnnBackward<T>& args, int64_t t, int64_t b,
                                                                 int64_t unit, Pack<T, Cell::kStates>& d) {
  const int64_t row = args.walk.sequence.row(t, b);
  Pack<T, Cell::kStates> before;
  Pack<T, Cell::kSaved> saved;
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) before[s] = state_before<Cell>(args, s, t, b, unit);
  FASTLM_UNROLL
  for (int k = 0; k < Cell::kSaved; k++) saved[k] = args.saved[(row * kSlots<Cell> + k) * args.hidden + unit];
  d[0] += args.grad_output[row * args.grad_output_stride + unit];
  const auto back = Cell::backward(saved, before, state_after<Cell>(args, 0, row)[unit], d);
  FASTLM_UNROLL
  for (int g = 0; g < Cell::kGates; g++) {
    const int64_t at = (row * Cell::kGates + g) * args.hidden + unit;
    args.d_x_gates[at] = back.dx[g];
    if constexpr (!Cell::kGatesAdd) args.d_h_gates[at] = back.dh[g];
  }
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) d[s] = carries<Cell>(s) ? back.d_before[s] : T(0);
  return back.dh;
}

// Writes state s of one sequence, [batch, H]; null: not wanted.
template <class Cell, class T>
__device__ __forceinline__ void store_states(T* const (&to)[kMaxStates], int64_t b, int64_t hidden, int64_t unit,
                                             const Pack<T, Cell::kStates>& state) {
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++)
    if (to[s]) to[s][b * hidden + unit] = state[s];
}

}  // namespace fastlm::cuda
