// A block's sequence at one step, on the way back: from the gradient of the cell's output to that of U h.
#pragma once

#include "../core/math.h"
#include "rnn_rows.cuh"

namespace fastlm::cuda {

// What goes from kernel to kernel and from step to step. With P = options.outputs:
template <class T>
struct BackwardRows {
  using C = Computed<T>;
  Operand<T> d_h;          // G * H: of U h
  Operand<T> d_projected;  // P: of the projection's result
  C* carry[kMaxStates];    // [batch, P], [batch, H]: gradients on their way to the step before, past U
  C* d_output;             // [batch, H]: of the cell's output
};

// The gradient of a state that forward returned as a final one.
template <class T>
__device__ __forceinline__ Computed<T> final_gradient(const Backward<T>& args, int s, int64_t at) {
  return args.grad_hn[s] ? computed(args.grad_hn[s][at]) : Computed<T>(0);
}

// One sequence at one step, for its block.
template <class Cell, class T>
class BackwardRow {
  using C = Computed<T>;
  static constexpr int G = Cell::kGates, S = Cell::kStates;

 public:
  __device__ __forceinline__ BackwardRow(const Backward<T>& args, const BackwardRows<T>& memory, int64_t t, int64_t b)
      : args_(args),
        memory_(memory),
        layout_(kept_layout<Cell>(args.hidden, args.options)),
        t_(t),
        b_(b),
        row_(args.walk.sequence.row(t, b)),
        kept_(args.kept + row_ * layout_.width) {}

  __device__ __forceinline__ void run() {
    if constexpr (kOutputApart<Cell>) {
      if (!args_.options.gains) {
        for_columns(args_.hidden, [&](int64_t unit) {
          const Inputs in = inputs(unit);
          finish(unit, in, Cell::backward(in.saved, in.before, in.output, in.d), args_.d_x_gates, args_.d_h_gates);
        });
        const T* const d_h = args_.d_h_gates + row_ * G * args_.hidden;
        for_gates([&](int64_t at) { memory_.d_h.put(b_, at, computed(d_h[at])); });
        return;
      }
    }
    SharedArrays shared;
    BlockSums<C> sums(shared);
    const int64_t hidden = args_.hidden, size = G * hidden;
    NormalBack<C> back;
    if constexpr (kOutputApart<Cell>) {
      const C* const normal = kept_ + layout_.state_normal;
      for_columns(hidden, [&](int64_t unit) { back.add(through_output(unit), normal[unit]); });
      back.sum(sums, hidden, kept_[layout_.scales + 2]);
    }
    T* const d_h = Cell::kGatesAdd ? args_.d_x_normed : args_.d_h_normed;
    for_columns(hidden, [&](int64_t unit) {
      const Inputs in = inputs(unit);
      finish(unit, in, back_through_cell(unit, in, back), args_.d_x_normed, d_h);
    });
    // What finish() wrote of the row, for all to read only where a thread wrote it itself.
    const C* const normal = kept_ + layout_.h_normal;
    const T *const from = d_h + row_ * size, *const gain = args_.options.gains + size;
    const auto gained = [&](int64_t at) { return computed(from[at]) * computed(gain[at]); };
    back = {};
    for_gates([&](int64_t at) { back.add(gained(at), normal[at]); });
    back.sum(sums, size, kept_[layout_.scales + 1]);
    for_gates([&](int64_t at) { store_d_h(at, back(gained(at), normal[at])); });
  }

 private:
  struct Inputs {  // what the cell is given, and what goes past it to the other state before
    Pack<C, Cell::kSaved> saved;
    Pack<C, S> before, d;
    C output, past;
  };

  __device__ __forceinline__ Inputs inputs(int64_t unit) const {
    const bool projected = args_.options.w_hr != nullptr;  // then h is of another width, and no cell reads it
    const int64_t at = b_ * args_.hidden + unit;
    Inputs in;
    in.saved = load_saved<Cell>(args_, row_, unit);
    in.before[0] = projected ? C(0) : state_before<Cell>(args_, 0, t_, b_, unit);
    in.d[0] = memory_.d_output[at];
    in.output = projected ? C(0) : output_of_cell<Cell>(args_, row_, unit);
    if constexpr (S > 1) {
      in.before[1] = state_before<Cell>(args_, 1, t_, b_, unit);
      in.d[1] = b_ < args_.walk.continuing(t_) ? memory_.carry[1][at] : final_gradient(args_, 1, at);
      in.past = take_gradient(args_, 1, row_, unit, in.d[1]);
    }
    return in;
  }

  // tanh of the normalised state.
  __device__ __forceinline__ C shown(int64_t unit) const {
    const int64_t hidden = args_.hidden;
    const T* const gain = args_.options.gains + 2 * G * hidden + unit;
    return Math<C>::tanh(kept_[layout_.state_normal + unit] * computed(gain[0]) + computed(gain[hidden]));
  }
  __device__ __forceinline__ C gained_state(int64_t unit) const {
    const int64_t hidden = args_.hidden;
    return computed(args_.d_state_normed[row_ * hidden + unit]) * computed(args_.options.gains[2 * G * hidden + unit]);
  }

  // From the output to the normalised state, without its gain.
  __device__ __forceinline__ C through_output(int64_t unit) const {
    const C d = memory_.d_output[b_ * args_.hidden + unit];
    const C slope = Cell::output_slope(load_saved<Cell>(args_, row_, unit), shown(unit));
    args_.d_state_normed[row_ * args_.hidden + unit] = T(d * slope);
    return gained_state(unit);
  }

  __device__ __forceinline__ fastlm::Backward<Cell, C> back_through_cell(int64_t unit, const Inputs& in,
                                                                         const NormalBack<C>& state) const {
    if constexpr (kOutputApart<Cell>) {
      const C d_state = state(gained_state(unit), kept_[layout_.state_normal + unit]);
      return Cell::update_backward(in.saved, in.before, shown(unit), in.d[0], in.d[1] + d_state);
    } else {
      return Cell::backward(in.saved, in.before, in.output, in.d);
    }
  }

  __device__ __forceinline__ void finish(int64_t unit, const Inputs& in, const fastlm::Backward<Cell, C>& back, T* d_x,
                                         T* d_h) const {
    const int64_t hidden = args_.hidden, at = b_ * hidden + unit;
    FASTLM_UNROLL
    for (int g = 0; g < G; g++) {
      const int64_t gate = (row_ * G + g) * hidden + unit;
      d_x[gate] = T(clipped(back.dx[g], args_.options.bptt_clip));
      if constexpr (!Cell::kGatesAdd) d_h[gate] = T(clipped(back.dh[g], args_.options.bptt_clip));
    }
    if constexpr (carries<Cell>(0)) memory_.carry[0][at] += back.d_before[0];  // to what went past the cell
    if constexpr (S > 1) {
      const C before = back.d_before[1] + in.past;
      memory_.carry[1][at] = before;
      if (b_ >= args_.walk.continued(t_) && args_.d_hx[1]) args_.d_hx[1][at] = T(before);
    }
  }

  // Of U h, at a gate of the row.
  __device__ __forceinline__ void store_d_h(int64_t at, C d) const {
    const T stored = T(d);
    args_.d_h_gates[row_ * G * args_.hidden + at] = stored;
    memory_.d_h.put(b_, at, computed(stored));
  }

  // Calls f for the gates of this thread's units.
  template <class F>
  __device__ __forceinline__ void for_gates(const F& f) const {
    for_columns(args_.hidden, [&](int64_t unit) {
      FASTLM_UNROLL
      for (int g = 0; g < G; g++) f(g * args_.hidden + unit);
    });
  }

  const Backward<T>& args_;
  const BackwardRows<T>& memory_;
  const KeptLayout layout_;
  const int64_t t_, b_, row_;
  const C* const kept_;
};

// A block a sequence.
template <class Cell, class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    row_backward_kernel(Backward<T> args, BackwardRows<T> memory, int64_t t) {
  const int64_t b = blockIdx.x;
  if (b < args.walk.sequence.rows(t)) BackwardRow<Cell, T>(args, memory, t, b).run();
}

}  // namespace fastlm::cuda
