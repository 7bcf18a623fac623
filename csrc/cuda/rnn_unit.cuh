// One hidden unit of one row at one step: what it reads, the cell with its options, what it writes. The same for every
// kernel.
#pragma once

#include "number.cuh"
#include "rnn.h"

namespace fastlm::cuda {

// Sequences [begin, begin + rows) of the batch that have a row at step t: they are the first ones.
__device__ __forceinline__ int live_rows(const Sequence& sequence, int64_t t, int64_t begin, int rows) {
  const int64_t live = sequence.rows(t) - begin;
  return live < 0 ? 0 : live < rows ? int(live) : rows;
}

template <class Args>
__device__ __forceinline__ auto initial_state(const Args& args, int s, int64_t b, int64_t unit) {
  using C = decltype(computed(*args.hx[s]));
  return args.hx[s] ? computed(args.hx[s][b * width_of(args, s) + unit]) : C(0);
}

template <class Cell, class T>
__device__ __forceinline__ Pack<Computed<T>, Cell::kGates> load_x_gates(const Forward<T>& args, int64_t row,
                                                                        int64_t unit) {
  Pack<Computed<T>, Cell::kGates> x;
  FASTLM_UNROLL
  for (int g = 0; g < Cell::kGates; g++) {
    x[g] = computed(args.x_gates[(row * Cell::kGates + g) * args.hidden + unit]);
    if (args.b_ih) x[g] += computed(args.b_ih[g * args.hidden + unit]);
  }
  return x;
}

// What U is multiplied with, of a unit of h.
template <class Args, class C>
__device__ __forceinline__ C masked(const Args& args, int64_t b, int64_t unit, C h) {
  return args.options.h_mask ? h * computed(args.options.h_mask[b * args.options.outputs + unit]) : h;
}

// State s of a unit after a step, from what the cell made of it: behind zoneout, written to where it belongs.
template <class Cell, class T>
__device__ __forceinline__ Computed<T> keep_state(const Forward<T>& args, int s, int64_t row, int64_t unit,
                                                  Computed<T> before, Computed<T> after) {
  using C = Computed<T>;
  const Zoneout& zoneout = args.options.zoneout;
  if (zoneout.p[s] > 0) {
    const C share = C(zoneout.share(s, row, unit, width_of(args, s)));
    if (s == 0 && args.kept && zoneout.mixes(0)) {
      const auto layout = kept_layout<Cell>(args.hidden, args.options);
      args.kept[row * layout.width + layout.output + unit] = after;
    }
    after = share * before + (C(1) - share) * after;
  }
  if (s > 0) {
    if (args.saved) saved_state<Cell>(args, s, row)[unit] = after;
    if (args.states[s]) args.states[s][row * args.options.states_stride + unit] = T(after);
    return after;
  }
  const T stored = T(after);
  args.output[row * args.output_stride + unit] = stored;
  return computed(stored);  // so that every kernel goes on from the same number
}

// h: the product with U, without its bias. state: before the step, and then after it.
template <class Cell, class T>
__device__ __forceinline__ void finish_forward(const Forward<T>& args, int64_t row, int64_t unit,
                                               const Pack<Computed<T>, Cell::kGates>& x,
                                               Pack<Computed<T>, Cell::kGates> h,
                                               Pack<Computed<T>, Cell::kStates>& state) {
  if (args.b_hh) {
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) h[g] += computed(args.b_hh[g * args.hidden + unit]);
  }
  const auto f = Cell::forward(x, h, state);
  if (args.saved) {
    FASTLM_UNROLL
    for (int k = 0; k < Cell::kSaved; k++) args.saved[(row * kSlots<Cell> + k) * args.hidden + unit] = f.saved[k];
  }
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) state[s] = keep_state<Cell>(args, s, row, unit, state[s], f.after[s]);
}

// State s before step t.
template <class Cell, class T>
__device__ __forceinline__ Computed<T> state_before(const Backward<T>& args, int s, int64_t t, int64_t b,
                                                    int64_t unit) {
  if (b >= args.walk.continued(t)) return initial_state(args, s, b, unit);
  const int64_t row = args.walk.sequence.row(args.walk.before(t), b);
  return s == 0 ? computed(args.output[row * args.output_stride + unit]) : saved_state<Cell>(args, s, row)[unit];
}

// Takes the gradient of state s after a step, without that of what forward returned of the step: leaves in d what goes
// to the cell, and returns what goes past it to the state before.
template <class T>
__device__ __forceinline__ Computed<T> take_gradient(const Backward<T>& args, int s, int64_t row, int64_t unit,
                                                     Computed<T>& d) {
  using C = Computed<T>;
  if (s == 0)
    d += computed(args.grad_output[row * args.grad_output_stride + unit]);
  else if (args.grad_states[s])
    d += computed(args.grad_states[s][row * args.options.states_stride + unit]);
  const Zoneout& zoneout = args.options.zoneout;
  if (zoneout.p[s] == 0) return C(0);
  const C share = C(zoneout.share(s, row, unit, width_of(args, s))), past = share * d;
  d *= C(1) - share;
  return past;
}

// The cell's output h as it was before zoneout. Where a unit kept its state the gradient is 0, whatever this is.
template <class Cell, class T>
__device__ __forceinline__ Computed<T> output_of_cell(const Backward<T>& args, int64_t row, int64_t unit) {
  if (!args.options.zoneout.mixes(0)) return computed(args.output[row * args.output_stride + unit]);
  const auto layout = kept_layout<Cell>(args.hidden, args.options);
  return args.kept[row * layout.width + layout.output + unit];
}

template <class T>
__device__ __forceinline__ T clipped(T d, double bptt_clip) {
  const T limit = T(bptt_clip);
  return limit == 0 ? d : d > limit ? limit : d < -limit ? -limit : d;  // NaN compares false and passes through
}

template <class Cell, class T>
__device__ __forceinline__ Pack<Computed<T>, Cell::kSaved> load_saved(const Backward<T>& args, int64_t row,
                                                                      int64_t unit) {
  Pack<Computed<T>, Cell::kSaved> saved{};
  FASTLM_UNROLL
  for (int k = 0; k < Cell::kSaved; k++) saved[k] = args.saved[(row * kSlots<Cell> + k) * args.hidden + unit];
  return saved;
}

// d: gradient of the states after the step, without that of what forward returned of it; then the direct path to the
// states before. Returns the gradients of the hidden-side pre-activations, as they are stored. Its product with U is to
// be masked() and added to d[0].
template <class Cell, class T>
__device__ __forceinline__ Pack<Computed<T>, Cell::kGates> finish_backward(const Backward<T>& args, int64_t t,
                                                                           int64_t b, int64_t unit,
                                                                           Pack<Computed<T>, Cell::kStates>& d) {
  using C = Computed<T>;
  const int64_t row = args.walk.sequence.row(t, b);
  Pack<C, Cell::kStates> before, past;
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) {
    before[s] = state_before<Cell>(args, s, t, b, unit);
    past[s] = take_gradient(args, s, row, unit, d[s]);
  }
  const auto back = Cell::backward(load_saved<Cell>(args, row, unit), before, output_of_cell<Cell>(args, row, unit), d);
  Pack<C, Cell::kGates> d_h;
  FASTLM_UNROLL
  for (int g = 0; g < Cell::kGates; g++) {
    const int64_t at = (row * Cell::kGates + g) * args.hidden + unit;
    const T stored = T(clipped(back.dh[g], args.options.bptt_clip));
    args.d_h_gates[at] = stored;
    if constexpr (!Cell::kGatesAdd) args.d_x_gates[at] = T(clipped(back.dx[g], args.options.bptt_clip));
    d_h[g] = computed(stored);
  }
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) d[s] = (carries<Cell>(s) ? back.d_before[s] : C(0)) + past[s];
  return d_h;
}

// Writes the states of one unit and sequence, as hx; null: not wanted.
template <class Cell, class Args, class T, class C>
__device__ __forceinline__ void store_states(const Args& args, T* const (&to)[kMaxStates], int64_t b, int64_t unit,
                                             const Pack<C, Cell::kStates>& state) {
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++)
    if (to[s]) to[s][b * width_of(args, s) + unit] = T(state[s]);
}

}  // namespace fastlm::cuda
