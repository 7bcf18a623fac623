// Cells whose units see only their own past: a thread owns one unit of one sequence, and nothing is exchanged.
#pragma once

#include "rnn_unit.cuh"

namespace fastlm::cuda {

inline constexpr int kDiagonalThreads = 128;

template <class Cell, class T>
__global__ void __launch_bounds__(kDiagonalThreads, 4) diagonal_forward_kernel(RnnForward<T> args) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const int64_t hidden = args.hidden, b = blockIdx.x, unit = int64_t(blockIdx.y) * blockDim.x + threadIdx.x;
  if (unit >= hidden) return;
  Pack<T, G> weight;
  FASTLM_UNROLL
  for (int g = 0; g < G; g++) weight[g] = args.w_hh[g * hidden + unit];
  Pack<T, S> state;
  FASTLM_UNROLL
  for (int s = 0; s < S; s++) state[s] = initial_state(args, s, b, unit);
  for (int64_t i = 0; i < args.walk.sequence.steps; i++) {
    const int64_t t = args.walk.step(i);
    if (b >= args.walk.sequence.rows(t)) continue;
    const int64_t row = args.walk.sequence.row(t, b);
    Pack<T, G> h;
    FASTLM_UNROLL
    for (int g = 0; g < G; g++) h[g] = weight[g] * state[0];
    finish_forward<Cell>(args, row, unit, load_x_gates<Cell>(args, row, unit), h, state);
  }
  store_states<Cell>(args.hn, b, hidden, unit, state);
}

template <class Cell, class T>
__global__ void __launch_bounds__(kDiagonalThreads, 4) diagonal_backward_kernel(RnnBackward<T> args) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const int64_t hidden = args.hidden, b = blockIdx.x, unit = int64_t(blockIdx.y) * blockDim.x + threadIdx.x;
  if (unit >= hidden) return;
  Pack<T, G> weight;
  FASTLM_UNROLL
  for (int g = 0; g < G; g++) weight[g] = args.w_hh[g * hidden + unit];
  Pack<T, S> d;
  FASTLM_UNROLL
  for (int s = 0; s < S; s++) d[s] = args.grad_hn[s][b * hidden + unit];
  for (int64_t i = args.walk.sequence.steps - 1; i >= 0; i--) {
    const int64_t t = args.walk.step(i);
    if (b >= args.walk.sequence.rows(t)) continue;
    const auto d_gates = finish_backward<Cell>(args, t, b, unit, d);
    FASTLM_UNROLL
    for (int g = 0; g < G; g++) d[0] += weight[g] * d_gates[g];
  }
  store_states<Cell>(args.d_hx, b, hidden, unit, d);
}

}  // namespace fastlm::cuda
