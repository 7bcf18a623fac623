// All steps in one launch: a block owns kRows sequences, a thread one hidden unit of each.
//
// The states stay in registers, what the product needs of them goes through shared memory, [depth][kRows], in two
// copies in turn: so one block barrier a step is enough. A sequence that has no row at a step keeps what it has: its
// initial state before it starts, its final state after it ends.
// Diamos et al. (2016), "Persistent RNNs: stashing recurrent weights on-chip".
#pragma once

#include "rnn_plan.h"
#include "rnn_product.cuh"
#include "rnn_unit.cuh"

namespace fastlm::cuda {

template <class T>
struct PersistentArrays {
  T* weights;  // [resident][stride]
  int64_t stride;
  T* now;  // [depth][rows]: what the product of this step reads, and the copy that the step after it will read
  T* next;

  __device__ __forceinline__ PersistentArrays(int64_t resident, int64_t width, int64_t depth, int rows)
      : stride(padded(width)) {
    SharedArrays shared;
    weights = shared.take<T>(resident * stride);
    now = shared.take<T>(depth * rows);
    next = shared.take<T>(depth * rows);
  }
  __device__ __forceinline__ void swap() {
    T* const kept = now;
    now = next, next = kept;
  }
};

// packed: U transposed, [H, G * H]; read only where its rows do not all fit into shared memory.
template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kMaxUnits, 1)
    persistent_forward_kernel(RnnForward<T> args, const T* __restrict__ packed, int64_t resident) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const Sequence& sequence = args.walk.sequence;
  const int64_t hidden = args.hidden, width = G * hidden, unit = threadIdx.x, begin = int64_t(blockIdx.x) * kRows;
  const bool works = unit < hidden;
  PersistentArrays<T> shared(resident, width, hidden, kRows);
  // A warp reads along a row of U and writes down a column.
  for (int64_t n = threadIdx.x / kWarp; n < width; n += blockDim.x / kWarp)
    for (int64_t k = threadIdx.x % kWarp; k < resident; k += kWarp)
      shared.weights[k * shared.stride + n] = args.w_hh[n * hidden + k];

  Pack<T, S> state[kRows];
  const auto publish = [&](T* to) {
    Wide<T, kRows> h;
    FASTLM_UNROLL
    for (int r = 0; r < kRows; r++) h.v[r] = state[r][0];
    store_wide(to + unit * kRows, h);
  };
  FASTLM_UNROLL
  for (int r = 0; r < kRows; r++) {
    FASTLM_UNROLL
    for (int s = 0; s < S; s++)
      state[r][s] = works && begin + r < sequence.batch ? initial_state(args, s, begin + r, unit) : T(0);
  }
  if (works) publish(shared.now);

  for (int64_t i = 0; i < sequence.steps; i++) {
    const int64_t t = args.walk.step(i);
    const int live = live_rows(sequence, t, begin, kRows);
    if (live == 0) continue;
    __syncthreads();
    if (works) {
      const int64_t row = sequence.row(t, begin);
      Pack<T, G> x[kRows];
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++)
        if (r < live) x[r] = load_x_gates<Cell>(args, row + r, unit);
      Sums<T, G, kRows> sums;
      multiply(sums, shared.weights + unit, shared.stride, hidden, shared.now, resident);
      if (resident < hidden)
        multiply(sums, packed + resident * width + unit, width, hidden, shared.now + resident * kRows,
                 hidden - resident);
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++)
        if (r < live) finish_forward<Cell>(args, row + r, unit, x[r], sums.of_row(r), state[r]);
      publish(shared.next);
    }
    shared.swap();
  }
  FASTLM_UNROLL
  for (int r = 0; r < kRows; r++)
    if (works && begin + r < sequence.batch) store_states<Cell>(args.hn, begin + r, hidden, unit, state[r]);
}

template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kMaxUnits, 1) persistent_backward_kernel(RnnBackward<T> args, int64_t resident) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const Sequence& sequence = args.walk.sequence;
  const int64_t hidden = args.hidden, depth = G * hidden, unit = threadIdx.x, begin = int64_t(blockIdx.x) * kRows;
  const bool works = unit < hidden;
  PersistentArrays<T> shared(resident, hidden, depth, kRows);
  if (works)
    for (int64_t k = 0; k < resident; k++) shared.weights[k * shared.stride + unit] = args.w_hh[k * hidden + unit];

  Pack<T, S> d[kRows];  // gradient of the states after the step that comes next on the way back
  FASTLM_UNROLL
  for (int r = 0; r < kRows; r++) {
    FASTLM_UNROLL
    for (int s = 0; s < S; s++)
      d[r][s] = works && begin + r < sequence.batch ? args.grad_hn[s][(begin + r) * hidden + unit] : T(0);
  }
  for (int64_t i = sequence.steps - 1; i >= 0; i--) {
    const int64_t t = args.walk.step(i);
    const int live = live_rows(sequence, t, begin, kRows);
    if (live == 0) continue;
    if (works) {
      Wide<T, kRows> d_gates[G] = {};
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++)
        if (r < live) {
          const auto dh = finish_backward<Cell>(args, t, begin + r, unit, d[r]);
          FASTLM_UNROLL
          for (int g = 0; g < G; g++) d_gates[g].v[r] = dh[g];
        }
      FASTLM_UNROLL
      for (int g = 0; g < G; g++) store_wide(shared.now + (g * hidden + unit) * kRows, d_gates[g]);
    }
    __syncthreads();
    if (works) {
      Sums<T, 1, kRows> sums;
      multiply(sums, shared.weights + unit, shared.stride, 0, shared.now, resident);
      multiply(sums, args.w_hh + resident * hidden + unit, hidden, 0, shared.now + resident * kRows, depth - resident);
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++)
        if (r < live) d[r][0] += sums.v[0][r];
    }
    shared.swap();
  }
  FASTLM_UNROLL
  for (int r = 0; r < kRows; r++)
    if (works && begin + r < sequence.batch) store_states<Cell>(args.d_hx, begin + r, hidden, unit, d[r]);
}

}  // namespace fastlm::cuda
