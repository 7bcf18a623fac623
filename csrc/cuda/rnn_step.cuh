// One launch a step: a block computes kStepUnits hidden units of kRows sequences.
//
// A lane owns a unit, each warp adds up its part of the depth; the parts are summed in order through shared memory, and
// then each thread applies the cell to its unit of its row.
#pragma once

#include "rnn_plan.h"
#include "rnn_product.cuh"
#include "rnn_unit.cuh"

namespace fastlm::cuda {

static_assert(kStepUnits == kWarp && kStepDepth % kStepWarps == 0);

template <class T, int kGates, int kRows>
class StepProduct {
 public:
  __device__ __forceinline__ StepProduct() {
    SharedArrays shared;
    staged_ = shared.take<T>(kStepDepth * kRows);
    parts_ = shared.take<T>(kStepWarps * kGates * kRows * kWarp);
  }

  // source(r): where row r of the left-hand side begins, [depth], or null for zeros. weights: [depth] rows of `stride`
  // numbers, `units` units of them from this block's first one on.
  template <class Source>
  __device__ __forceinline__ void run(Source&& source, int64_t depth, const T* __restrict__ weights, int64_t stride,
                                      int64_t gate_stride, int64_t units) {
    const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
    Sums<T, kGates, kRows> sums;
    for (int64_t first = 0; first < depth; first += kStepDepth) {
      const int64_t here = depth - first < kStepDepth ? depth - first : kStepDepth;
      if (first > 0) __syncthreads();  // the rows before have been used
      for (int r = warp; r < kRows; r += kStepWarps) {
        const T* from = source(r);
        for (int64_t k = lane; k < here; k += kWarp) staged_[k * kRows + r] = from ? from[first + k] : T(0);
      }
      __syncthreads();
      const int64_t begin = warp * (kStepDepth / kStepWarps), rest = here - begin;
      const int64_t count = rest < kStepDepth / kStepWarps ? rest : kStepDepth / kStepWarps;
      if (lane < units)
        multiply(sums, weights + (first + begin) * stride + lane, stride, gate_stride, staged_ + begin * kRows, count);
    }
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) {
      FASTLM_UNROLL
      for (int r = 0; r < kRows; r++) *part(warp, g, r, lane) = sums.v[g][r];
    }
    __syncthreads();
  }

  __device__ __forceinline__ Pack<T, kGates> sum(int r, int lane) const {
    Pack<T, kGates> total;
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) {
      total[g] = *part(0, g, r, lane);
      for (int warp = 1; warp < kStepWarps; warp++) total[g] += *part(warp, g, r, lane);
    }
    return total;
  }

 private:
  __device__ __forceinline__ T* part(int warp, int g, int r, int lane) const {
    return parts_ + ((warp * kGates + g) * kRows + r) * kWarp + lane;
  }

  T* staged_;  // [kStepDepth][kRows]
  T* parts_;   // [kStepWarps][kGates][kRows][kWarp]
};

// Visit i of the walk. packed: U transposed, [H, G * H].
template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kStepThreads, 2)
    step_forward_kernel(RnnForward<T> args, const T* __restrict__ packed, int64_t i) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const Walk& walk = args.walk;
  const int64_t hidden = args.hidden, t = walk.step(i), begin = int64_t(blockIdx.x) * kRows;
  const int64_t first = int64_t(blockIdx.y) * kStepUnits, before = walk.before(t), continued = walk.continued(t);
  const int live = live_rows(walk.sequence, t, begin, kRows);
  if (live == 0) return;
  StepProduct<T, G, kRows> product;
  const auto h_before = [&](int r) -> const T* {
    const int64_t b = begin + r;
    if (r >= live) return nullptr;
    if (b < continued) return args.output + walk.sequence.row(before, b) * args.output_stride;
    return args.hx[0] ? args.hx[0] + b * hidden : nullptr;
  };
  product.run(h_before, hidden, packed + first, G * hidden, hidden, hidden - first);

  const int lane = threadIdx.x % kWarp;
  const int64_t unit = first + lane;
  if (unit >= hidden) return;
  for (int r = threadIdx.x / kWarp; r < live; r += kStepWarps) {
    const int64_t b = begin + r, row = walk.sequence.row(t, b);
    Pack<T, S> state;
    FASTLM_UNROLL
    for (int s = 0; s < S; s++) state[s] = state_before<Cell>(args, s, t, b, unit);
    finish_forward<Cell>(args, row, unit, load_x_gates<Cell>(args, row, unit), product.sum(r, lane), state);
    if (b >= walk.continuing(t)) store_states<Cell>(args.hn, b, hidden, unit, state);
  }
}

// Visit i of the walk, on the way back from the last to -1. A sequence that has a row at the step after takes its
// gradient through U; if it has none at this step, that is the gradient of its initial states.
// carry: [S, batch, H], gradients on their way to the step before past U.
template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kStepThreads, 2) step_backward_kernel(RnnBackward<T> args, T* carry, int64_t i) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const Walk& walk = args.walk;
  const int64_t hidden = args.hidden, batch = walk.sequence.batch, begin = int64_t(blockIdx.x) * kRows;
  const int64_t first = int64_t(blockIdx.y) * kStepUnits, t = walk.step(i), after = walk.after(t);
  const int live = live_rows(walk.sequence, t, begin, kRows), coming = live_rows(walk.sequence, after, begin, kRows);
  if (live == 0 && coming == 0) return;
  StepProduct<T, 1, kRows> product;
  const auto d_gates_after = [&](int r) -> const T* {
    return r < coming ? args.d_h_gates + walk.sequence.row(after, begin + r) * G * hidden : nullptr;
  };
  if (coming > 0) product.run(d_gates_after, G * hidden, args.w_hh + first, hidden, 0, hidden - first);

  const int lane = threadIdx.x % kWarp;
  const int64_t unit = first + lane;
  if (unit >= hidden) return;
  for (int r = threadIdx.x / kWarp; r < live || r < coming; r += kStepWarps) {
    const int64_t b = begin + r;
    const auto carried = [&](int s) { return carry + (s * batch + b) * hidden + unit; };
    Pack<T, S> d;
    FASTLM_UNROLL
    for (int s = 0; s < S; s++)
      d[s] = r >= coming ? args.grad_hn[s][b * hidden + unit] : carries<Cell>(s) ? *carried(s) : T(0);
    if (r < coming) d[0] += product.sum(r, lane)[0];
    if (r < live) {
      finish_backward<Cell>(args, t, b, unit, d);
      FASTLM_UNROLL
      for (int s = 0; s < S; s++)
        if (carries<Cell>(s)) *carried(s) = d[s];
    } else {
      store_states<Cell>(args.d_hx, b, hidden, unit, d);
    }
  }
}

inline constexpr int kTransposeTile = kWarp;

// to[k][n] = from[n][k], n < rows, k < columns: through shared memory, so that both sides move whole lines.
template <class T>
__global__ void __launch_bounds__(kStepThreads, 2)
    transpose_kernel(const T* from, T* to, int64_t rows, int64_t columns) {
  SharedArrays shared;
  T* tile = shared.take<T>(kTransposeTile * padded(kTransposeTile));
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int64_t n0 = int64_t(blockIdx.x) * kTransposeTile, k0 = int64_t(blockIdx.y) * kTransposeTile;
  for (int n = warp; n < kTransposeTile; n += kStepWarps)
    if (n0 + n < rows && k0 + lane < columns)
      tile[n * padded(kTransposeTile) + lane] = from[(n0 + n) * columns + k0 + lane];
  __syncthreads();
  for (int k = warp; k < kTransposeTile; k += kStepWarps)
    if (k0 + k < columns && n0 + lane < rows) to[(k0 + k) * rows + n0 + lane] = tile[lane * padded(kTransposeTile) + k];
}

}  // namespace fastlm::cuda
