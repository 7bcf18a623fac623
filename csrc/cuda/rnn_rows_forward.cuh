// A block's sequence at one step, forward: between the product with U and, of a projected output, that with w_hr.
#pragma once

#include "../core/math.h"
#include "rnn_rows.cuh"

namespace fastlm::cuda {

// What goes from kernel to kernel and from step to step. With P = options.outputs:
template <class T>
struct ForwardRows {
  using C = Computed<T>;
  Operand<T> h_masked;     // P: what U is multiplied with
  Operand<T> unprojected;  // H: what w_hr is multiplied with
  C* gates;                // [batch, G * H]: the product with U
  T* h;                    // [batch, P]: the state as it is stored
  C* state;                // [batch, H]: the other state
  C *fresh, *waiting;  // [batch, H], [batch, kSaved * H]: with a norm of the state, that before zoneout; what is saved
};

// State h of a unit behind its step, from what the cell or the projection made of it.
template <class Cell, class T>
__device__ __forceinline__ void finish_h(const Forward<T>& args, const ForwardRows<T>& memory, int64_t t, int64_t b,
                                         int64_t unit, Computed<T> value) {
  const int64_t at = b * args.options.outputs + unit;
  const T h = T(keep_state<Cell>(args, 0, args.walk.sequence.row(t, b), unit, computed(memory.h[at]), value));
  memory.h[at] = h;
  memory.h_masked.put(b, unit, masked(args, b, unit, computed(h)));
  if (b >= args.walk.continuing(t) && args.hn[0]) args.hn[0][at] = h;
}

// The initial states. A thread a number of the wider one.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2) start_rows_kernel(Forward<T> args, ForwardRows<T> memory) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x, batch = args.walk.sequence.batch;
  const int64_t outputs = args.options.outputs;
  if (at < batch * outputs) {
    const int64_t b = at / outputs, unit = at % outputs;
    memory.h[at] = T(initial_state(args, 0, b, unit));
    memory.h_masked.put(b, unit, masked(args, b, unit, computed(memory.h[at])));
  }
  if (memory.state && at < batch * args.hidden)
    memory.state[at] = initial_state(args, 1, at / args.hidden, at % args.hidden);
}

// One sequence at one step, for its block.
template <class Cell, class T>
class ForwardRow {
  using C = Computed<T>;
  static constexpr int G = Cell::kGates, S = Cell::kStates;
  static_assert(S <= 2);

 public:
  __device__ __forceinline__ ForwardRow(const Forward<T>& args, const ForwardRows<T>& memory, int64_t t, int64_t b)
      : args_(args),
        memory_(memory),
        layout_(kept_layout<Cell>(args.hidden, args.options)),
        t_(t),
        b_(b),
        row_(args.walk.sequence.row(t, b)),
        kept_(args.kept ? args.kept + row_ * layout_.width : nullptr) {}

  __device__ __forceinline__ void run() {
    SharedArrays shared;
    BlockSums<C> sums(shared);
    const int64_t hidden = args_.hidden, size = G * hidden;
    const C* const gates = memory_.gates + b_ * size;
    Normal<C> normal;
    if (normed()) {
      normal = normal_of(sums, size, [&](int64_t column) { return gates[column]; });
      if (kept_ && threadIdx.x == 0) kept_[layout_.scales + 1] = normal.scale;
    }
    for_columns(hidden, [&](int64_t unit) { update(unit, hidden_gates(gates, normal, unit)); });
    if constexpr (kOutputApart<Cell>) {
      if (!normed()) return;
      const C* const fresh = memory_.fresh + b_ * hidden;  // of its own units a thread knows it without a barrier
      normal = normal_of(sums, hidden, [&](int64_t unit) { return fresh[unit]; });
      if (kept_ && threadIdx.x == 0) kept_[layout_.scales + 2] = normal.scale;
      for_columns(hidden, [&](int64_t unit) { output_apart(unit, normal(fresh[unit])); });
    }
  }

 private:
  __device__ __forceinline__ bool normed() const { return args_.options.gains != nullptr; }

  __device__ __forceinline__ Pack<C, G> hidden_gates(const C* gates, const Normal<C>& normal, int64_t unit) const {
    const int64_t hidden = args_.hidden;
    Pack<C, G> h;
    FASTLM_UNROLL
    for (int g = 0; g < G; g++) {
      const int64_t at = g * hidden + unit;
      h[g] = gates[at];
      if (normed()) {
        h[g] = normal(h[g]);
        if (kept_) kept_[layout_.h_normal + at] = h[g];
        h[g] *= computed(args_.options.gains[G * hidden + at]);
      }
      if (args_.b_hh) h[g] += computed(args_.b_hh[at]);
    }
    return h;
  }

  // The cell; its output too, unless that waits for the norm of the state.
  __device__ __forceinline__ void update(int64_t unit, const Pack<C, G>& h) const {
    const bool projected = args_.options.w_hr != nullptr;  // then h is of another width, and no cell reads it
    const int64_t hidden = args_.hidden, at = b_ * hidden + unit;
    Pack<C, S> before;
    before[0] = projected ? C(0) : computed(memory_.h[at]);
    if constexpr (S > 1) before[1] = memory_.state[at];
    const auto x = load_x_gates<Cell, T>(args_, row_, unit);
    const auto f = [&] {
      if constexpr (kOutputApart<Cell>)
        return Cell::update(x, h, before);
      else
        return Cell::forward(x, h, before);
    }();
    const bool waits = kOutputApart<Cell> && normed();
    if (C* const saved = args_.saved ? saved_row() : waits ? waiting_row() : nullptr) {
      FASTLM_UNROLL
      for (int k = 0; k < Cell::kSaved; k++) saved[k * hidden + unit] = f.saved[k];
    }
    if (waits) memory_.fresh[at] = f.after[1 % S];
    if constexpr (kOutputApart<Cell>) {
      if (!waits) deliver(unit, Cell::output(f.saved, Math<C>::tanh(f.after[1])));
    } else {
      deliver(unit, f.after[0]);
    }
    if constexpr (S > 1) {
      const C after = keep_state<Cell>(args_, 1, row_, unit, before[1], f.after[1]);
      memory_.state[at] = after;
      if (b_ >= args_.walk.continuing(t_) && args_.hn[1]) args_.hn[1][at] = T(after);
    }
  }

  // The output from the normalised state.
  __device__ __forceinline__ void output_apart(int64_t unit, C normal) const {
    const int64_t hidden = args_.hidden;
    if (kept_) kept_[layout_.state_normal + unit] = normal;
    const T* const gain = args_.options.gains + 2 * G * hidden + unit;
    const C* const from = args_.saved ? saved_row() : waiting_row();
    Pack<C, Cell::kSaved> saved;
    FASTLM_UNROLL
    for (int k = 0; k < Cell::kSaved; k++) saved[k] = from[k * hidden + unit];
    deliver(unit, Cell::output(saved, Math<C>::tanh(normal * computed(gain[0]) + computed(gain[hidden]))));
  }

  // The cell's output goes to the projection, or is h.
  __device__ __forceinline__ void deliver(int64_t unit, C output) const {
    if (!args_.options.w_hr) return finish_h<Cell>(args_, memory_, t_, b_, unit, output);
    memory_.unprojected.put(b_, unit, output);
    if (kept_) kept_[layout_.unprojected + unit] = output;
  }

  __device__ __forceinline__ C* saved_row() const { return args_.saved + row_ * kSlots<Cell> * args_.hidden; }
  __device__ __forceinline__ C* waiting_row() const { return memory_.waiting + b_ * Cell::kSaved * args_.hidden; }

  const Forward<T>& args_;
  const ForwardRows<T>& memory_;
  const KeptLayout layout_;
  const int64_t t_, b_, row_;
  C* const kept_;
};

// A block a sequence.
template <class Cell, class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    row_forward_kernel(Forward<T> args, ForwardRows<T> memory, int64_t t) {
  const int64_t b = blockIdx.x;
  if (b < args.walk.sequence.rows(t)) ForwardRow<Cell, T>(args, memory, t, b).run();
}

}  // namespace fastlm::cuda
