// A step of the sequences whose units wait for one another: a block owns a sequence, between the products of the step.
//
// That is so with layer norm (Ba, Kiros & Hinton 2016), where all gates of a row must be known before its first cell,
// and the whole state before its output. With a projection of the output (Sak et al. 2014) alone, the cells just come
// between two products. What the options do and in which order is csrc/cpu's.
#pragma once

#include "../core/math.h"
#include "layer_norm.cuh"
#include "rnn_unit.cuh"
#include "tensor_product.cuh"

namespace fastlm::cuda {

// The left-hand side of a product, a row for each sequence, as StepProduct takes it.
template <class T>
struct Operand {
  T* numbers;     // [batch, width]
  int64_t width;  // of which the last ones may be there for their zeros
  bool tensor;    // it goes through tensor cores

  __device__ __forceinline__ void put(int64_t b, int64_t k, Computed<T> number) const {
    numbers[b * width + k] = tensor ? operand_number<T, true>(number) : operand_number<T, false>(number);
  }
};

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
template <class T>
struct BackwardRows {
  using C = Computed<T>;
  Operand<T> d_h;          // G * H: of U h
  Operand<T> d_projected;  // P: of the projection's result
  C* carry[kMaxStates];    // [batch, P], [batch, H]: gradients on their way to the step before, past U
  C* d_output;             // [batch, H]: of the cell's output
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

// Zeros, for what of an operand is there for them.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2) clear_kernel(T* numbers, int64_t count) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at < count) numbers[at] = T(0);
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

// Where the norm of W x is in what forward kept of a row.
struct KeptNorm {
  int64_t width, normal, scale;
};

// W x of all rows at once, before the steps: each row of gates, [rows, columns], is normalised in its place, without
// the shift. kept may be null. A block for each step and sequence.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    normalize_rows_kernel(Sequence sequence, T* gates, int64_t columns, const T* gain, Computed<T>* kept,
                          KeptNorm norm) {
  using C = Computed<T>;
  const int64_t t = blockIdx.x / sequence.batch, b = blockIdx.x % sequence.batch, row = sequence.row(t, b);
  if (b >= sequence.rows(t)) return;
  SharedArrays shared;
  BlockSums<C> sums(shared);
  T* const from = gates + row * columns;
  C* const keep = kept ? kept + row * norm.width : nullptr;
  const Normal<C> normal = normal_of(sums, columns, [&](int64_t column) { return computed(from[column]); });
  if (keep && threadIdx.x == 0) keep[norm.scale] = normal.scale;
  for_columns(columns, [&](int64_t column) {
    const C value = normal(computed(from[column]));
    if (keep) keep[norm.normal + column] = value;
    from[column] = T(value * computed(gain[column]));
  });
}

// Back through it, behind the steps: from the gradients of the result to those of what was normalised.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    normalize_rows_backward_kernel(Sequence sequence, const T* from, T* to, int64_t columns, const T* gain,
                                   const Computed<T>* kept, KeptNorm norm) {
  using C = Computed<T>;
  const int64_t t = blockIdx.x / sequence.batch, b = blockIdx.x % sequence.batch, row = sequence.row(t, b);
  if (b >= sequence.rows(t)) return;
  SharedArrays shared;
  BlockSums<C> sums(shared);
  const C* const keep = kept + row * norm.width;
  const auto gained = [&](int64_t column) { return computed(from[row * columns + column]) * computed(gain[column]); };
  NormalBack<C> back;
  for_columns(columns, [&](int64_t column) { back.add(gained(column), keep[norm.normal + column]); });
  back.sum(sums, columns, keep[norm.scale]);
  for_columns(columns, [&](int64_t column) {
    to[row * columns + column] = T(back(gained(column), keep[norm.normal + column]));
  });
}

// The gradient of a state that forward returned as a final one.
template <class T>
__device__ __forceinline__ Computed<T> final_gradient(const Backward<T>& args, int s, int64_t at) {
  return args.grad_hn[s] ? computed(args.grad_hn[s][at]) : Computed<T>(0);
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

// The same on the way back.
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
    Inputs in{load_saved<Cell>(args_, row_, unit)};
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
