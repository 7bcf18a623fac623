// The recurrence with layer norm (Ba, Kiros & Hinton 2016), with a projection of the output (Sak et al. 2014), or both:
// a few launches a step.
//
//   forward   h U -> [gates] -> a block a sequence: norms and cell -> h, or the unprojected output -> its product with
//             w_hr -> h
//   backward  the gates' gradients of the step after, times U -> that of h -> times w_hr -> that of the cell's output
//             -> a block a sequence: cell and norms -> the gates' gradients
//
// Every product is one of a matrix without gates, whatever the cell: so it is compiled once for all of them.
#pragma once

#include <algorithm>

#include "rnn_rows.cuh"
#include "rnn_step.cuh"
#include "stream.h"

namespace fastlm::cuda {

// A product of a step: [rows, depth] x [depth, width], of a Role that knows
//   rows(), sources()   sequences that it is about, and those that have a row for the product; the sum of others is 0
//   row(b)              where that row begins, [depth]
//   take(b, column, sum)
template <class T, int kRows, bool kTensor, class Role>
__global__ void __launch_bounds__(kStepThreads, 2)
    product_kernel(Role role, const T* __restrict__ weights, int64_t depth, int64_t width) {
  using C = Computed<T>;
  const int64_t begin = int64_t(blockIdx.x) * kRows, first = int64_t(blockIdx.y) * kStepUnits;
  const int64_t rows = role.rows() - begin, sources = role.sources() - begin;
  if (rows <= 0) return;
  StepProduct<T, 1, kRows, kTensor> product;
  const auto source = [&](int r) -> const T* { return r < sources ? role.row(begin + r) : nullptr; };
  if (sources > 0) product.run(source, depth, weights + first, width, 0, width - first);
  const int lane = threadIdx.x % kWarp;
  if (first + lane >= width) return;
  for (int r = threadIdx.x / kWarp; r < kRows && r < rows; r += kStepWarps)
    role.take(begin + r, first + lane, r < sources ? product.sum(r, lane)[0] : C(0));
}

// What is left to the block of a sequence: U h, or the gradient of the cell's output.
template <class T>
struct ToRows {
  Sequence sequence;
  int64_t t;
  const T* from;  // [batch, depth], or of every row of the layout
  bool of_all_rows;
  int64_t depth, width;
  Computed<T>* to;  // [batch, width]

  __device__ __forceinline__ int64_t rows() const { return sequence.rows(t); }
  __device__ __forceinline__ int64_t sources() const { return sequence.rows(t); }
  __device__ __forceinline__ const T* row(int64_t b) const {
    return from + (of_all_rows ? sequence.row(t, b) : b) * depth;
  }
  __device__ __forceinline__ void take(int64_t b, int64_t column, Computed<T> sum) const { to[b * width + column] = sum; }
};

// h from the cell's output.
template <class Cell, class T>
struct Project {
  Forward<T> args;
  ForwardRows<T> memory;
  int64_t t;

  __device__ __forceinline__ int64_t rows() const { return args.walk.sequence.rows(t); }
  __device__ __forceinline__ int64_t sources() const { return rows(); }
  __device__ __forceinline__ const T* row(int64_t b) const { return memory.unprojected + b * args.hidden; }
  __device__ __forceinline__ void take(int64_t b, int64_t unit, Computed<T> sum) const {
    finish_h<Cell>(args, memory, t, b, unit, sum);
  }
};

// The gradient of h after step t, from that of the gates of the step after it. A sequence that has such a step but not
// this one began there: then it is the gradient of its initial h.
template <class T>
struct TakeH {
  Backward<T> args;
  BackwardRows<T> memory;
  int64_t t, gates;  // gates: of all units
  bool carries;      // some of the gradient of h goes to the step before past U

  __device__ __forceinline__ int64_t rows() const {
    const int64_t live = args.walk.sequence.rows(t), coming = sources();
    return live > coming ? live : coming;
  }
  __device__ __forceinline__ int64_t sources() const { return args.walk.sequence.rows(args.walk.after(t)); }
  __device__ __forceinline__ const T* row(int64_t b) const {
    return args.d_h_gates + args.walk.sequence.row(args.walk.after(t), b) * gates;
  }
  __device__ __forceinline__ void take(int64_t b, int64_t unit, Computed<T> sum) const {
    using C = Computed<T>;
    const int64_t at = b * args.options.outputs + unit;
    C d = b < sources() ? masked(args, b, unit, sum) + (carries ? memory.carry[0][at] : C(0))
                        : final_gradient(args, 0, at);
    if (b >= args.walk.sequence.rows(t)) {
      if (args.d_hx[0]) args.d_hx[0][at] = T(d);
      return;
    }
    const int64_t row = args.walk.sequence.row(t, b);
    const C past = take_gradient(args, 0, row, unit, d);
    if (carries) memory.carry[0][at] = past;
    if (args.options.w_hr)
      args.d_projected[row * args.options.outputs + unit] = T(d);
    else
      memory.d_output[at] = d;
  }
};

// The arrays of a workspace, one after the other. Without memory they are only counted.
class Workspace {
 public:
  explicit Workspace(void* memory) : memory_(static_cast<char*>(memory)) {}

  template <class T>
  T* take(int64_t count) {
    const int64_t at = bytes_;
    bytes_ += round_up(count * int64_t(sizeof(T)), kLine);
    return memory_ && count > 0 ? reinterpret_cast<T*>(memory_ + at) : nullptr;
  }
  int64_t bytes() const { return bytes_; }

 private:
  static constexpr int64_t kLine = 128;
  char* memory_;
  int64_t bytes_ = 0;
};

template <class Cell, class T>
ForwardRows<T> forward_rows(const Forward<T>& args, Workspace& workspace) {
  using C = Computed<T>;
  const int64_t batch = args.walk.sequence.batch, hidden = args.hidden, outputs = args.options.outputs;
  const int64_t size = Cell::kGates * hidden, projected = args.options.w_hr ? hidden : 0;
  const int64_t waiting = args.options.gains && kOutputApart<Cell> ? batch * hidden : 0;
  ForwardRows<T> memory{};
  memory.gates = workspace.take<C>(batch * size);
  memory.h = workspace.take<T>(batch * outputs);
  memory.masked = args.options.h_mask ? workspace.take<T>(batch * outputs) : memory.h;
  memory.state = workspace.take<C>(Cell::kStates > 1 ? batch * hidden : 0);
  memory.fresh = workspace.take<C>(waiting);
  memory.waiting = workspace.take<C>(args.saved ? 0 : Cell::kSaved * waiting);
  memory.unprojected = workspace.take<T>(batch * projected);
  memory.u_t = workspace.take<T>(outputs * size);
  memory.w_hr_t = workspace.take<T>(projected * outputs);
  return memory;
}

template <class Cell, class T>
BackwardRows<T> backward_rows(const Backward<T>& args, Workspace& workspace) {
  using C = Computed<T>;
  const int64_t batch = args.walk.sequence.batch;
  BackwardRows<T> memory{};
  for (int s = 0; s < Cell::kStates; s++)
    memory.carry[s] = workspace.take<C>(carries_state<Cell>(args, s) ? batch * width_of(args, s) : 0);
  memory.d_output = workspace.take<C>(batch * args.hidden);
  return memory;
}

// Bytes of workspace.
template <class Cell, class T>
int64_t normed_forward_workspace(const Forward<T>& args, const DeviceLimits&) {
  Workspace workspace(nullptr);
  forward_rows<Cell, T>(args, workspace);
  return workspace.bytes();
}
template <class Cell, class T>
int64_t normed_backward_workspace(const Backward<T>& args, const DeviceLimits&) {
  Workspace workspace(nullptr);
  backward_rows<Cell, T>(args, workspace);
  return workspace.bytes();
}

// A block for each of so many rows.
template <class C>
LaunchShape row_shape(int64_t rows, int64_t columns) {
  SharedArrays shared;
  BlockSums<C>::reserve(shared);
  return {dim3(unsigned(rows)), dim3(unsigned(row_threads(columns))), shared.bytes()};
}

template <class Cell, class Args>
KeptNorm kept_norm_of_x(const Args& args) {
  const auto layout = kept_layout<Cell>(args.hidden, args.options);
  return {layout.width, layout.x_normal, layout.scales};
}

// x_gates are written, too: with layer norm they end as they are behind it.
template <class Cell, class T>
void launch_normed_forward(const Forward<T>& args, Precision precision, const DeviceLimits& limits, void* workspace,
                           cudaStream_t stream) {
  using C = Computed<T>;
  const Sequence& sequence = args.walk.sequence;
  const int64_t hidden = args.hidden, outputs = args.options.outputs, size = Cell::kGates * hidden;
  Workspace arrays(workspace);
  const ForwardRows<T> memory = forward_rows<Cell, T>(args, arrays);
  if (args.options.gains)
    launch("normalize_rows", normalize_rows_kernel<T>, row_shape<C>(sequence.steps * sequence.batch, size), stream,
           sequence, const_cast<T*>(args.x_gates), size, args.options.gains, args.kept, kept_norm_of_x<Cell>(args));
  launch_transpose(args.w_hh, const_cast<T*>(memory.u_t), size, outputs, stream);
  if (args.options.w_hr) launch_transpose(args.options.w_hr, const_cast<T*>(memory.w_hr_t), outputs, hidden, stream);
  const int64_t numbers = sequence.batch * std::max(hidden, outputs);
  launch("start_rows", start_rows_kernel<T>, {dim3(unsigned(divide_up(numbers, kRowThreads))), dim3(kRowThreads)},
         stream, args, memory, int64_t{Cell::kStates});
  for (int64_t i = 0; i < sequence.steps; i++) {
    const int64_t t = args.walk.step(i);
    const ToRows<T> gates{sequence, t, memory.masked, false, outputs, size, memory.gates};
    launch_product(gates, memory.u_t, outputs, size, sequence.batch, precision, limits, stream);
    launch("row_forward", row_forward_kernel<Cell, T>, row_shape<C>(sequence.batch, hidden), stream, args, memory, t);
    if constexpr (kOutputApart<Cell>)
      if (args.options.w_hr)
        launch_product(Project<Cell, T>{args, memory, t}, memory.w_hr_t, hidden, outputs, sequence.batch, precision,
                       limits, stream);
  }
}

template <class Cell, class T>
void launch_normed_backward(const Backward<T>& args, Precision precision, const DeviceLimits& limits, void* workspace,
                            cudaStream_t stream) {
  using C = Computed<T>;
  const Sequence& sequence = args.walk.sequence;
  const int64_t hidden = args.hidden, outputs = args.options.outputs, size = Cell::kGates * hidden;
  Workspace arrays(workspace);
  const BackwardRows<T> memory = backward_rows<Cell, T>(args, arrays);
  for (int64_t i = sequence.steps - 1; i >= (args.d_hx[0] ? -1 : 0); i--) {
    const int64_t t = args.walk.step(i);
    const TakeH<T> take_h{args, memory, t, size, carries_state<Cell>(args, 0)};
    launch_product(take_h, args.w_hh, size, outputs, sequence.batch, precision, limits, stream);
    if (i < 0) break;
    if (args.options.w_hr) {
      const ToRows<T> d_output{sequence, t, args.d_projected, true, outputs, hidden, memory.d_output};
      launch_product(d_output, args.options.w_hr, outputs, hidden, sequence.batch, precision, limits, stream);
    }
    launch("row_backward", row_backward_kernel<Cell, T>, row_shape<C>(sequence.batch, hidden), stream, args, memory, t);
  }
  if (args.options.gains)
    launch("normalize_rows_backward", normalize_rows_backward_kernel<T>,
           row_shape<C>(sequence.steps * sequence.batch, size), stream, sequence,
           static_cast<const T*>(args.d_x_normed), args.d_x_gates, size, args.options.gains, args.kept,
           kept_norm_of_x<Cell>(args));
}

}  // namespace fastlm::cuda
