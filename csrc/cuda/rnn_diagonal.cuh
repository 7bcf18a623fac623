// Cells whose units see only their own past: a thread owns one unit of one sequence, and nothing is exchanged.
#pragma once

#include "rnn_unit.cuh"

namespace fastlm::cuda {

inline constexpr int kDiagonalThreads = 128;

template <class Cell, class T, class Args>
struct DiagonalUnit {
  using C = Computed<T>;
  int64_t b = blockIdx.x, unit = int64_t(blockIdx.y) * blockDim.x + threadIdx.x;
  Pack<C, Cell::kGates> weight;
  bool works;

  __device__ __forceinline__ explicit DiagonalUnit(const Args& args) : works(unit < args.hidden) {
    if (!works) return;
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) weight[g] = computed(args.w_hh[g * args.hidden + unit]);
  }
};

template <class Cell, class T>
__global__ void __launch_bounds__(kDiagonalThreads, 4) diagonal_forward_kernel(Forward<T> args) {
  using C = Computed<T>;
  const DiagonalUnit<Cell, T, Forward<T>> own(args);
  if (!own.works) return;
  Pack<C, Cell::kStates> state;
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) state[s] = initial_state(args, s, own.b, own.unit);
  for (int64_t i = 0; i < args.walk.sequence.steps; i++) {
    const int64_t t = args.walk.step(i);
    if (own.b >= args.walk.sequence.rows(t)) continue;
    const int64_t row = args.walk.sequence.row(t, own.b);
    const C before = masked(args, own.b, own.unit, state[0]);
    Pack<C, Cell::kGates> h;
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) h[g] = own.weight[g] * before;
    finish_forward<Cell, T>(args, row, own.unit, load_x_gates<Cell, T>(args, row, own.unit), h, state);
  }
  store_states<Cell>(args, args.hn, own.b, own.unit, state);
}

template <class Cell, class T>
__global__ void __launch_bounds__(kDiagonalThreads, 4) diagonal_backward_kernel(Backward<T> args) {
  using C = Computed<T>;
  const DiagonalUnit<Cell, T, Backward<T>> own(args);
  if (!own.works) return;
  Pack<C, Cell::kStates> d;
  FASTLM_UNROLL
  for (int s = 0; s < Cell::kStates; s++) d[s] = computed(args.grad_hn[s][own.b * args.hidden + own.unit]);
  for (int64_t i = args.walk.sequence.steps - 1; i >= 0; i--) {
    const int64_t t = args.walk.step(i);
    if (own.b >= args.walk.sequence.rows(t)) continue;
    const auto d_gates = finish_backward<Cell, T>(args, t, own.b, own.unit, d);
    C through(0);
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) through += own.weight[g] * d_gates[g];
    d[0] += masked(args, own.b, own.unit, through);
  }
  store_states<Cell>(args, args.d_hx, own.b, own.unit, d);
}

template <class Args>
LaunchShape diagonal_shape(const Args& args) {
  return {dim3(unsigned(args.walk.sequence.batch), unsigned(divide_up(args.hidden, kDiagonalThreads))),
          dim3(kDiagonalThreads)};
}

template <class Cell, class T, class C>
void launch_diagonal_forward(const RnnForward<T, C>& args, cudaStream_t stream) {
  launch("diagonal_forward", diagonal_forward_kernel<Cell, T>, diagonal_shape(args), stream, args);
}

template <class Cell, class T, class C>
void launch_diagonal_backward(const RnnBackward<T, C>& args, cudaStream_t stream) {
  launch("diagonal_backward", diagonal_backward_kernel<Cell, T>, diagonal_shape(args), stream, args);
}

}  // namespace fastlm::cuda
