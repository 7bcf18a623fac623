// One launch a step: the product with U in tiles (step_product.cuh), and behind it the cell, by the same block.
//
// What the product multiplies lies in the workspace, in two copies that take turns, so that a block may write its part
// of the one while others still read the other.
#pragma once

#include "rnn_unit.cuh"
#include "step_operands.cuh"

namespace fastlm::cuda {

template <class T>
struct StepMemory {
  T* operand;             // [2, batch, operand_width]
  int64_t operand_width;  // forward: of h as U is given it; backward: of the gradients of the gates
  Computed<T>* carried;   // forward: [S - 1, batch, H], the states but h; backward: [S, batch, H], gradients past U

  FASTLM_HD T* row(int64_t copy, int64_t batch, int64_t b) const {
    return operand + ((copy & 1) * batch + b) * operand_width;
  }
};

// Blocks that a multiprocessor has registers for: the sums of the largest tiles take most of them.
constexpr int step_blocks(int rows) { return rows == 64 ? 1 : 2; }

// Visit i of the walk: reads copy i % 2 of h and writes the other one. Where a sequence begins, both have its initial
// state, until its own first step.
template <class Cell, class T, int kRows, bool kTensor>
__global__ void __launch_bounds__(kStepThreads, step_blocks(kRows))
    step_forward_kernel(Forward<T> args, StepWeights<T, kTensor> weights, StepMemory<T> memory, int64_t i) {
  using C = Computed<T>;
  using Product = StepProduct<T, Cell::kGates, kRows, kTensor>;
  constexpr int S = Cell::kStates;
  const Walk& walk = args.walk;
  const int64_t hidden = args.hidden, batch = walk.sequence.batch, t = walk.step(i);
  const int64_t begin = int64_t(blockIdx.x) * kRows, first = int64_t(blockIdx.y) * Product::kUnits;
  const int live = live_rows(walk.sequence, t, begin, kRows);
  if (live == 0) return;

  Pack<C, Cell::kGates> x[Product::kOwn];  // on their way while the product is made
  Product::for_own(live, hidden - first, [&](int own, int r, int unit) {
    x[own] = load_x_gates<Cell, T>(args, walk.sequence.row(t, begin + r), first + unit);
  });
  Product product;
  const auto h_before = [&](int r) { return r < live ? memory.row(i, batch, begin + r) : nullptr; };
  product.run(h_before, args.options.outputs, weights.from(first), weights.stride, weights.gate_stride, hidden - first);

  Product::for_own(live, hidden - first, [&](int own, int r, int tile_unit) {
    const int64_t b = begin + r, unit = first + tile_unit, row = walk.sequence.row(t, b);
    const auto carried = [&](int s) { return memory.carried + ((s - 1) * batch + b) * hidden + unit; };
    const bool goes_on = b < walk.continued(t);
    Pack<C, S> state{};
    if (Cell::kDirectPath || args.options.zoneout.p[0] > 0)
      state[0] = goes_on ? computed(args.output[walk.sequence.row(walk.before(t), b) * args.output_stride + unit])
                         : initial_state(args, 0, b, unit);
    FASTLM_UNROLL
    for (int s = 1; s < S; s++) state[s] = goes_on ? *carried(s) : initial_state(args, s, b, unit);
    finish_forward<Cell, T>(args, row, unit, x[own], product.sum(r, tile_unit), state);
    FASTLM_UNROLL
    for (int s = 1; s < S; s++) *carried(s) = state[s];
    memory.row(i + 1, batch, b)[unit] = operand_number<T, kTensor>(masked(args, b, unit, state[0]));
    if (b >= walk.continuing(t)) store_states<Cell>(args, args.hn, b, unit, state);
  });
}

// Visit i of the walk, on the way back from the last to -1: writes copy i % 2 of the gradients of the gates and reads
// the other one, of the step after. A sequence that has a row there takes its gradient through U; if it has none at
// this step, that is the gradient of its initial states.
template <class Cell, class T, int kRows, bool kTensor>
__global__ void __launch_bounds__(kStepThreads, 2)
    step_backward_kernel(Backward<T> args, StepWeights<T, kTensor> weights, StepMemory<T> memory, int64_t i) {
  using C = Computed<T>;
  using Product = StepProduct<T, 1, kRows, kTensor>;
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const Walk& walk = args.walk;
  const int64_t hidden = args.hidden, batch = walk.sequence.batch, t = walk.step(i), after = walk.after(t);
  const int64_t begin = int64_t(blockIdx.x) * kRows, first = int64_t(blockIdx.y) * Product::kUnits;
  const int live = live_rows(walk.sequence, t, begin, kRows), coming = live_rows(walk.sequence, after, begin, kRows);
  if (live == 0 && coming == 0) return;
  Product product;
  const auto d_gates_after = [&](int r) { return r < coming ? memory.row(i + 1, batch, begin + r) : nullptr; };
  if (coming > 0)
    product.run(d_gates_after, G * hidden, weights.from(first), weights.stride, weights.gate_stride, hidden - first);

  Product::for_tile(live > coming ? live : coming, hidden - first, [&](int r, int tile_unit) {
    const int64_t b = begin + r, unit = first + tile_unit;
    const auto carried = [&](int s) { return memory.carried + (s * batch + b) * hidden + unit; };
    Pack<C, S> d;
    FASTLM_UNROLL
    for (int s = 0; s < S; s++)
      d[s] = r >= coming                    ? computed(args.grad_hn[s][b * hidden + unit])
             : carries_state<Cell>(args, s) ? *carried(s)
                                            : C(0);
    if (r < coming) d[0] += masked(args, b, unit, product.sum(r, tile_unit)[0]);
    if (r >= live) return store_states<Cell>(args, args.d_hx, b, unit, d);
    const auto d_gates = finish_backward<Cell, T>(args, t, b, unit, d);
    FASTLM_UNROLL
    for (int g = 0; g < G; g++) memory.row(i, batch, b)[g * hidden + unit] = operand_number<T, kTensor>(d_gates[g]);
    FASTLM_UNROLL
    for (int s = 0; s < S; s++)
      if (carries_state<Cell>(args, s)) *carried(s) = d[s];
  });
}

inline LaunchShape launch_shape(const ProductPlan& plan) {
  return {dim3(unsigned(plan.row_blocks), unsigned(plan.unit_blocks)), dim3(unsigned(plan.threads)), plan.shared_bytes};
}

// Calls function(std::bool_constant<tensor>()): whether products go through tensor cores, where the number type leaves
// that open.
template <class T, class Function>
void with_tensor(bool tensor, Function&& function) {
  constexpr bool kMay = through_tensor_cores(sizeof(T), Precision::kTf32);
  constexpr bool kMust = through_tensor_cores(sizeof(T), Precision::kExact);
  if constexpr (kMay == kMust)
    function(std::bool_constant<kMust>());
  else if (tensor)
    function(std::true_type());
  else
    function(std::false_type());
}

// Calls function<kRows, kTensor>() for the tile of a plan.
template <class T, int kGates, class Function>
void with_tile(const ProductPlan& plan, Function&& function) {
  with_tensor<T>(plan.tensor, [&]<bool kTensor>(std::bool_constant<kTensor>) {
    constexpr int kLarge = step_rows(kGates, sizeof(T), kTensor, true);
    constexpr int kSmall = step_rows(kGates, sizeof(T), kTensor, false);
    if (plan.rows == kLarge) return function.template operator()<kLarge, kTensor>();
    function.template operator()<kSmall, kTensor>();
  });
}

template <class T>
StepMemory<T> step_memory(const StepPlan& plan, void* workspace) {
  char* const bytes = static_cast<char*>(workspace);
  return {reinterpret_cast<T*>(bytes + plan.operand), plan.operand_width,
          reinterpret_cast<Computed<T>*>(bytes + plan.carried)};
}

template <class Cell, class T>
void launch_step_forward(const Forward<T>& args, const StepPlan& plan, void* workspace, cudaStream_t stream) {
  const int64_t P = args.options.outputs, batch = args.walk.sequence.batch;
  const auto memory = step_memory<T>(plan, workspace);
  T* const copy = reinterpret_cast<T*>(static_cast<char*>(workspace) + plan.weights);
  with_tile<T, Cell::kGates>(plan, [&]<int kRows, bool kTensor>() {
    const auto weights =
        prepare_weights<T, kTensor>(args.w_hh, Cell::kGates * args.hidden, P, args.hidden, false, copy, stream);
    launch_begin<T, kTensor>(args.hx[0], args.options.h_mask, batch, P, memory.operand_width, memory.operand, stream);
    for (int64_t i = 0; i < args.walk.sequence.steps; i++)
      launch("step_forward", step_forward_kernel<Cell, T, kRows, kTensor>, launch_shape(plan), stream, args, weights,
             memory, i);
  });
}

template <class Cell, class T>
void launch_step_backward(const Backward<T>& args, const StepPlan& plan, void* workspace, cudaStream_t stream) {
  const int64_t depth = Cell::kGates * args.hidden, P = args.options.outputs, batch = args.walk.sequence.batch;
  const auto memory = step_memory<T>(plan, workspace);
  T* const copy = reinterpret_cast<T*>(static_cast<char*>(workspace) + plan.weights);
  bool initial = false;  // whether gradients of initial states are wanted
  for (int s = 0; s < Cell::kStates; s++) initial = initial || args.d_hx[s];
  with_tile<T, 1>(plan, [&]<int kRows, bool kTensor>() {
    const auto weights = prepare_weights<T, kTensor>(args.w_hh, depth, P, P, true, copy, stream);
    if (memory.operand_width > depth)
      launch_begin<T, kTensor>(nullptr, nullptr, batch, depth, memory.operand_width, memory.operand, stream);
    for (int64_t i = args.walk.sequence.steps - 1; i >= (initial ? -1 : 0); i--)
      launch("step_backward", step_backward_kernel<Cell, T, kRows, kTensor>, launch_shape(plan), stream, args, weights,
             memory, i);
  });
}

}  // namespace fastlm::cuda
