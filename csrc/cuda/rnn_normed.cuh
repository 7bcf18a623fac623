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

#include "rnn_rows_backward.cuh"
#include "rnn_rows_forward.cuh"
#include "rnn_step.cuh"

namespace fastlm::cuda {

// A block for each of so many rows.
template <class C>
LaunchShape row_shape(int64_t rows, int64_t columns) {
  SharedArrays shared;
  BlockSums<C>::reserve(shared);
  return {dim3(unsigned(rows)), dim3(unsigned(row_threads(columns))), shared.bytes()};
}

// A thread for each of so many numbers.
inline LaunchShape number_shape(int64_t numbers) {
  return {dim3(unsigned(divide_up(numbers, kRowThreads))), dim3(kRowThreads)};
}

// A product of a step: operand x weights, [rows, depth] x [depth, width], for a Role that knows
//   rows(), sources()   sequences that it is about, and of how many there is a product; the sum of the others is 0
//   take(b, column, sum)
template <class T, int kRows, bool kTensor, class Role>
__global__ void __launch_bounds__(kStepThreads, 2)
    product_kernel(Role role, Operand<T> operand, StepWeights<T, kTensor> weights, int64_t depth, int64_t width) {
  using Product = StepProduct<T, 1, kRows, kTensor>;
  const int64_t begin = int64_t(blockIdx.x) * kRows, first = int64_t(blockIdx.y) * Product::kUnits;
  const int64_t rows = role.rows() - begin, sources = role.sources() - begin;
  if (rows <= 0) return;
  Product product;
  const auto source = [&](int r) -> const T* {
    return r < sources ? operand.numbers + (begin + r) * operand.width : nullptr;
  };
  if (sources > 0) product.run(source, depth, weights.from(first), weights.stride, weights.gate_stride, width - first);
  Product::for_tile(rows < kRows ? int(rows) : kRows, width - first, [&](int r, int unit) {
    role.take(begin + r, first + unit, r < sources ? product.sum(r, unit)[0] : Computed<T>(0));
  });
}

// One of a step's products, whatever its Role: the weights, laid out for it, and the launch.
template <class T, bool kTensor>
class RowsProduct {
 public:
  // weights: [rows, columns]; null: there is no such product. copy: in the workspace.
  RowsProduct(const T* weights, int64_t rows, int64_t columns, bool backward, void* copy, const Operand<T>& operand,
              int64_t batch, const DeviceLimits& limits, cudaStream_t stream)
      : operand_(operand), depth_(backward ? rows : columns), width_(backward ? columns : rows), stream_(stream) {
    if (!weights) return;
    plan_ = plan_product({batch, width_, depth_, 1, int(sizeof(T)), kTensor}, limits);
    weights_ = prepare_weights<T, kTensor>(weights, rows, columns, width_, backward, static_cast<T*>(copy), stream);
    if (const int64_t numbers = batch * operand.width; operand.width > depth_)
      launch("clear", clear_kernel<T>, number_shape(numbers), stream, operand.numbers, numbers);
  }

  template <class Role>
  void run(const Role& role) const {
    constexpr int kSmall = step_rows(1, sizeof(T), kTensor, false), kLarge = step_rows(1, sizeof(T), kTensor, true);
    const auto kernel =
        plan_.rows == kSmall ? product_kernel<T, kSmall, kTensor, Role> : product_kernel<T, kLarge, kTensor, Role>;
    launch("product", kernel, launch_shape(plan_), stream_, role, operand_, weights_, depth_, width_);
  }

 private:
  Operand<T> operand_;
  int64_t depth_, width_;
  cudaStream_t stream_;
  ProductPlan plan_{};
  StepWeights<T, kTensor> weights_{};
};

// What is left to the block of a sequence: U h, or the gradient of the cell's output.
template <class T>
struct ToRows {
  Sequence sequence;
  int64_t t, width;
  Computed<T>* to;  // [batch, width]

  __device__ __forceinline__ int64_t rows() const { return sequence.rows(t); }
  __device__ __forceinline__ int64_t sources() const { return rows(); }
  __device__ __forceinline__ void take(int64_t b, int64_t column, Computed<T> sum) const {
    to[b * width + column] = sum;
  }
};

// h from the cell's output.
template <class Cell, class T>
struct Project {
  Forward<T> args;
  ForwardRows<T> memory;
  int64_t t;

  __device__ __forceinline__ int64_t rows() const { return args.walk.sequence.rows(t); }
  __device__ __forceinline__ int64_t sources() const { return rows(); }
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
  int64_t t;
  bool carries;  // some of the gradient of h goes to the step before past U

  __device__ __forceinline__ int64_t rows() const {
    const int64_t live = args.walk.sequence.rows(t), coming = sources();
    return live > coming ? live : coming;
  }
  __device__ __forceinline__ int64_t sources() const { return args.walk.sequence.rows(args.walk.after(t)); }
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
    if (!args.options.w_hr) {
      memory.d_output[at] = d;
      return;
    }
    const T stored = T(d);
    args.d_projected[row * args.options.outputs + unit] = stored;
    memory.d_projected.put(b, unit, computed(stored));
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

template <class T>
Operand<T> take_operand(Workspace& workspace, int64_t batch, int64_t depth, bool tensor) {
  const int64_t width = operand_width(depth, sizeof(T), tensor);
  return {workspace.take<T>(batch * width), width, tensor};
}

// A workspace's arrays, and how the weights lie in them.
template <class Cell, class T>
struct ForwardPlan {
  ForwardRows<T> memory{};
  void *u, *w_hr;
  int64_t bytes;

  ForwardPlan(const Forward<T>& args, Precision precision, void* begin) {
    using C = Computed<T>;
    const bool tensor = through_tensor_cores(sizeof(T), precision), projected = args.options.w_hr != nullptr;
    const int64_t batch = args.walk.sequence.batch, hidden = args.hidden, outputs = args.options.outputs;
    const int64_t waiting = args.options.gains && kOutputApart<Cell> ? batch * hidden : 0;
    Workspace workspace(begin);
    memory.h_masked = take_operand<T>(workspace, batch, outputs, tensor);
    if (projected) memory.unprojected = take_operand<T>(workspace, batch, hidden, tensor);
    memory.gates = workspace.take<C>(batch * Cell::kGates * hidden);
    memory.h = workspace.take<T>(batch * outputs);
    memory.state = workspace.take<C>(Cell::kStates > 1 ? batch * hidden : 0);
    memory.fresh = workspace.take<C>(waiting);
    memory.waiting = workspace.take<C>(args.saved ? 0 : Cell::kSaved * waiting);
    u = workspace.take<char>(weights_bytes(Cell::kGates * hidden, outputs, sizeof(T), tensor, false));
    w_hr = workspace.take<char>(projected ? weights_bytes(outputs, hidden, sizeof(T), tensor, false) : 0);
    bytes = workspace.bytes();
  }
};

template <class Cell, class T>
struct BackwardPlan {
  BackwardRows<T> memory{};
  void *u, *w_hr;
  int64_t bytes;

  BackwardPlan(const Backward<T>& args, Precision precision, void* begin) {
    using C = Computed<T>;
    const bool tensor = through_tensor_cores(sizeof(T), precision), projected = args.options.w_hr != nullptr;
    const int64_t batch = args.walk.sequence.batch, hidden = args.hidden, outputs = args.options.outputs;
    Workspace workspace(begin);
    memory.d_h = take_operand<T>(workspace, batch, Cell::kGates * hidden, tensor);
    if (projected) memory.d_projected = take_operand<T>(workspace, batch, outputs, tensor);
    for (int s = 0; s < Cell::kStates; s++)
      memory.carry[s] = workspace.take<C>(carries_state<Cell>(args, s) ? batch * width_of(args, s) : 0);
    memory.d_output = workspace.take<C>(batch * hidden);
    u = workspace.take<char>(weights_bytes(Cell::kGates * hidden, outputs, sizeof(T), tensor, true));
    w_hr = workspace.take<char>(projected ? weights_bytes(outputs, hidden, sizeof(T), tensor, true) : 0);
    bytes = workspace.bytes();
  }
};

// Bytes of workspace, on lines of 128 bytes.
template <class Cell, class T>
int64_t normed_forward_workspace(const Forward<T>& args, Precision precision, const DeviceLimits&) {
  return ForwardPlan<Cell, T>(args, precision, nullptr).bytes;
}
template <class Cell, class T>
int64_t normed_backward_workspace(const Backward<T>& args, Precision precision, const DeviceLimits&) {
  return BackwardPlan<Cell, T>(args, precision, nullptr).bytes;
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
  const int64_t batch = sequence.batch, hidden = args.hidden, outputs = args.options.outputs;
  const int64_t size = Cell::kGates * hidden;
  const ForwardPlan<Cell, T> plan(args, precision, workspace);
  const ForwardRows<T>& memory = plan.memory;
  if (args.options.gains)
    launch("normalize_rows", normalize_rows_kernel<T>, row_shape<C>(sequence.steps * batch, size), stream, sequence,
           const_cast<T*>(args.x_gates), size, args.options.gains, args.kept, kept_norm_of_x<Cell>(args));
  with_tensor<T>(through_tensor_cores(sizeof(T), precision), [&]<bool kTensor>(std::bool_constant<kTensor>) {
    const RowsProduct<T, kTensor> u(args.w_hh, size, outputs, false, plan.u, memory.h_masked, batch, limits, stream);
    const RowsProduct<T, kTensor> w_hr(args.options.w_hr, outputs, hidden, false, plan.w_hr, memory.unprojected, batch,
                                       limits, stream);
    launch("start_rows", start_rows_kernel<T>, number_shape(batch * std::max(hidden, outputs)), stream, args, memory);
    for (int64_t i = 0; i < sequence.steps; i++) {
      const int64_t t = args.walk.step(i);
      u.run(ToRows<T>{sequence, t, size, memory.gates});
      launch("row_forward", row_forward_kernel<Cell, T>, row_shape<C>(batch, hidden), stream, args, memory, t);
      if constexpr (kOutputApart<Cell>)
        if (args.options.w_hr) w_hr.run(Project<Cell, T>{args, memory, t});
    }
  });
}

template <class Cell, class T>
void launch_normed_backward(const Backward<T>& args, Precision precision, const DeviceLimits& limits, void* workspace,
                            cudaStream_t stream) {
  using C = Computed<T>;
  const Sequence& sequence = args.walk.sequence;
  const int64_t batch = sequence.batch, hidden = args.hidden, outputs = args.options.outputs;
  const int64_t size = Cell::kGates * hidden;
  const BackwardPlan<Cell, T> plan(args, precision, workspace);
  const BackwardRows<T>& memory = plan.memory;
  with_tensor<T>(through_tensor_cores(sizeof(T), precision), [&]<bool kTensor>(std::bool_constant<kTensor>) {
    const RowsProduct<T, kTensor> u(args.w_hh, size, outputs, true, plan.u, memory.d_h, batch, limits, stream);
    const RowsProduct<T, kTensor> w_hr(args.options.w_hr, outputs, hidden, true, plan.w_hr, memory.d_projected, batch,
                                       limits, stream);
    for (int64_t i = sequence.steps - 1; i >= (args.d_hx[0] ? -1 : 0); i--) {
      const int64_t t = args.walk.step(i);
      u.run(TakeH<T>{args, memory, t, carries_state<Cell>(args, 0)});
      if (i < 0) break;
      if (args.options.w_hr) w_hr.run(ToRows<T>{sequence, t, hidden, memory.d_output});
      launch("row_backward", row_backward_kernel<Cell, T>, row_shape<C>(batch, hidden), stream, args, memory, t);
    }
  });
  if (args.options.gains)
    launch("normalize_rows_backward", normalize_rows_backward_kernel<T>, row_shape<C>(sequence.steps * batch, size),
           stream, sequence, args.d_x_normed, args.d_x_gates, size, args.options.gains, args.kept,
           kept_norm_of_x<Cell>(args));
}

}  // namespace fastlm::cuda
