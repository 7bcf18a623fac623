// All steps in one launch, with the weights on the chip: one pair of kernels for every cell with a matrix U.
//
// Diamos et al. (2016), "Persistent RNNs: stashing recurrent weights on-chip"; the cell in the same launch as in
// Poeppel et al. (2024), "FlashRNN". persistent_plan.h says how the work is spread, rnn_exchange.cuh how blocks pass on
// h, or on the way back the gradients of the gates. A sequence that has no row at a step keeps what it has: its initial
// state before it starts, its final state after it ends. All sums have a fixed order.
#pragma once

#include "rnn_resident.cuh"

namespace fastlm::cuda {

template <class Cell, class T, int kRows, bool kBackward>
struct Persistent {
  static constexpr PersistentTile kTile{Cell::kGates, int(sizeof(T)), kBackward, kRows};
  static constexpr int kOwnRows = cuda::Place<kTile.units, kRows>::kOwnRows;
  using C = Computed<T>;
  using Place = cuda::Place<kTile.units, kRows>;
  using Weights = ResidentWeights<T, kTile.units, kRows, kBackward ? 1 : Cell::kGates, kBackward>;
  using States = Pack<C, Cell::kStates>[kOwnRows];
};

// load_x_gates in two parts: what is loaded is on its way until it is looked at.
template <class Cell, class T, int kOwnRows>
struct XGates {
  Pack<T, Cell::kGates> loaded[kOwnRows];

  __device__ __forceinline__ void load(const Forward<T>& args, int64_t row, int64_t unit, int live) {
    FASTLM_UNROLL
    for (int r = 0; r < kOwnRows; r++) {
      FASTLM_UNROLL
      for (int g = 0; r < live && g < Cell::kGates; g++)
        loaded[r][g] = args.x_gates[((row + r) * Cell::kGates + g) * args.hidden + unit];
    }
  }
  __device__ __forceinline__ Pack<Computed<T>, Cell::kGates> of_row(const Forward<T>& args, int r, int64_t unit) const {
    Pack<Computed<T>, Cell::kGates> x;
    FASTLM_UNROLL
    for (int g = 0; g < Cell::kGates; g++) {
      x[g] = computed(loaded[r][g]);
      if (args.b_ih) x[g] += computed(args.b_ih[g * args.hidden + unit]);
    }
    return x;
  }
};

template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent_forward_kernel(Forward<T> args, PersistentLaunch launch) {
  using Kit = Persistent<Cell, T, kRows, false>;
  using C = typename Kit::C;
  constexpr int G = Cell::kGates, kOwnRows = Kit::kOwnRows;
  const Sequence& sequence = args.walk.sequence;
  const int hidden = int(args.hidden);
  const typename Kit::Place place(launch.plan, hidden, threadIdx.x);
  SharedArrays shared;
  RowExchange<C, kRows> exchange(shared, launch, hidden);
  typename Kit::Weights weights(shared, launch.plan, place.lane, [&](int n, int k) {
    const int unit = place.group_unit + n / G;
    return unit < place.end && k < hidden ? args.w_hh[(n % G * args.hidden + unit) * args.hidden + k] : T(0.0f);
  });

  typename Kit::States state = {};
  const auto publish = [&](const typename Kit::Place& own) {
    if (!own.owns) return;
    Wide<C, kOwnRows> h = {};
    FASTLM_UNROLL
    for (int r = 0; r < kOwnRows; r++)
      if (own.sequence() + r < sequence.batch) h.v[r] = masked(args, own.sequence() + r, own.unit, state[r][0]);
    exchange.write(exchange.layout.at(own.unit, own.row), h);
  };
  FASTLM_UNROLL
  for (int r = 0; r < kOwnRows; r++) {
    FASTLM_UNROLL
    for (int s = 0; s < Cell::kStates; s++)
      if (place.owns && place.sequence() + r < sequence.batch)
        state[r][s] = initial_state(args, s, place.sequence() + r, place.unit);
  }
  publish(place);

  for (int64_t i = 0; i < sequence.steps; i++) {
    const int64_t t = args.walk.step(i);
    if (live_rows(sequence, t, place.group_sequence(), kRows) == 0) continue;  // the same in all blocks of the group
    const typename Kit::Place own(launch.plan, hidden, opaque(int(threadIdx.x)));
    const int live = own.owns ? live_rows(sequence, t, own.sequence(), kOwnRows) : 0;
    exchange.send();
    XGates<Cell, T, kOwnRows> x;
    x.load(args, sequence.row(t, own.sequence()), own.unit, live);
    exchange.receive();
    const auto sums = weights.multiply(exchange.layout, exchange.rows(), own.lane, uint32_t(t >> 63));
    FASTLM_UNROLL
    for (int r = 0; r < kOwnRows; r++)
      if (r < live)
        finish_forward<Cell, T>(args, sequence.row(t, own.sequence()) + r, own.unit, x.of_row(args, r, own.unit),
                                sums.of_row(r), state[r]);
    publish(own);
  }
  exchange.end();
  const typename Kit::Place own(launch.plan, hidden, opaque(int(threadIdx.x)));
  FASTLM_UNROLL
  for (int r = 0; r < kOwnRows; r++)
    if (own.owns && own.sequence() + r < sequence.batch)
      store_states<Cell>(args, args.hn, own.sequence() + r, own.unit, state[r]);
}

template <class Cell, class T, int kRows>
__global__ void __launch_bounds__(kPersistentThreads, 1)
    persistent_backward_kernel(Backward<T> args, PersistentLaunch launch) {
  using Kit = Persistent<Cell, T, kRows, true>;
  using C = typename Kit::C;
  constexpr int G = Cell::kGates, kOwnRows = Kit::kOwnRows;
  const Sequence& sequence = args.walk.sequence;
  const int hidden = int(args.hidden);
  const typename Kit::Place place(launch.plan, hidden, threadIdx.x);
  SharedArrays shared;
  RowExchange<C, kRows> exchange(shared, launch, G * hidden);
  typename Kit::Weights weights(shared, launch.plan, place.lane, [&](int n, int k) {
    const int unit = place.group_unit + n;
    return unit < place.end && k < G * hidden ? args.w_hh[k * args.hidden + unit] : T(0.0f);
  });

  typename Kit::States d = {};  // gradient of the states after the step that comes next on the way back
  FASTLM_UNROLL
  for (int r = 0; r < kOwnRows; r++) {
    FASTLM_UNROLL
    for (int s = 0; s < Cell::kStates; s++)
      if (place.owns && place.sequence() + r < sequence.batch)
        d[r][s] = computed(args.grad_hn[s][(place.sequence() + r) * args.hidden + place.unit]);
  }
  for (int64_t i = sequence.steps - 1; i >= 0; i--) {
    const int64_t t = args.walk.step(i);
    if (live_rows(sequence, t, place.group_sequence(), kRows) == 0) continue;
    const typename Kit::Place own(launch.plan, hidden, opaque(int(threadIdx.x)));
    const int live = own.owns ? live_rows(sequence, t, own.sequence(), kOwnRows) : 0;
    if (own.owns) {
      Wide<C, kOwnRows> d_gates[G] = {};
      FASTLM_UNROLL
      for (int r = 0; r < kOwnRows; r++)
        if (r < live) {
          const auto d_h = finish_backward<Cell, T>(args, t, own.sequence() + r, own.unit, d[r]);
          FASTLM_UNROLL
          for (int g = 0; g < G; g++) d_gates[g].v[r] = d_h[g];
        }
      FASTLM_UNROLL
      for (int g = 0; g < G; g++) exchange.write(exchange.layout.at(g * hidden + own.unit, own.row), d_gates[g]);
    }
    exchange.send();
    exchange.receive();
    const auto sums = weights.multiply(exchange.layout, exchange.rows(), own.lane, uint32_t(t >> 63));
    FASTLM_UNROLL
    for (int r = 0; r < kOwnRows; r++)
      if (r < live) d[r][0] += masked(args, own.sequence() + r, own.unit, sums.v[r]);
  }
  exchange.end();
  const typename Kit::Place own(launch.plan, hidden, opaque(int(threadIdx.x)));
  FASTLM_UNROLL
  for (int r = 0; r < kOwnRows; r++)
    if (own.owns && own.sequence() + r < sequence.batch)
      store_states<Cell>(args, args.d_hx, own.sequence() + r, own.unit, d[r]);
}

template <class Cell, class T>
auto persistent_forward_of(const PersistentPlan& plan) {
  return plan.rows == kFewRows ? persistent_forward_kernel<Cell, T, kFewRows>
                               : persistent_forward_kernel<Cell, T, many_rows(sizeof(T))>;
}
template <class Cell, class T>
auto persistent_backward_of(const PersistentPlan& plan) {
  return plan.rows == kFewRows ? persistent_backward_kernel<Cell, T, kFewRows>
                               : persistent_backward_kernel<Cell, T, many_rows(sizeof(T))>;
}

inline LaunchShape shape_of(const PersistentPlan& plan) {
  return {dim3(unsigned(plan.row_groups), unsigned(plan.blocks)), dim3(unsigned(plan.threads)), plan.shared_bytes,
          plan.exchange == Exchange::kCluster ? int(plan.blocks) : 1, plan.exchange == Exchange::kGrid};
}

// Whether the blocks of a row group can meet on this GPU: it may have fewer multiprocessors free than its kind has.
template <class Args>
bool persistent_fits(void (*kernel)(Args, PersistentLaunch), const PersistentPlan& plan) {
  return Launch("persistent", kernel, shape_of(plan), nullptr).fits();
}

// workspace: plan.workspace_bytes, on a multiple of 16 bytes.
template <class Args>
void launch_persistent(const char* name, void (*kernel)(Args, PersistentLaunch), const Args& args,
                       const PersistentPlan& plan, void* workspace, cudaStream_t stream) {
  if (plan.workspace_bytes)
    check(cudaMemsetAsync(workspace, 0, size_t(plan.workspace_bytes), stream), "could not clear the exchange");
  launch(name, kernel, shape_of(plan), stream, args, PersistentLaunch{plan, workspace});
}

template <class Cell, class T>
void launch_persistent_forward(const Forward<T>& args, const PersistentPlan& plan, void* workspace,
                               cudaStream_t stream) {
  launch_persistent("persistent_forward", persistent_forward_of<Cell, T>(plan), args, plan, workspace, stream);
}

template <class Cell, class T>
void launch_persistent_backward(const Backward<T>& args, const PersistentPlan& plan, void* workspace,
                                cudaStream_t stream) {
  launch_persistent("persistent_backward", persistent_backward_of<Cell, T>(plan), args, plan, workspace, stream);
}

}  // namespace fastlm::cuda
