// The launches of a recurrence, for one cell and number type.
#pragma once

#include "rnn_diagonal.cuh"
#include "rnn_persistent.cuh"
#include "rnn_plan.h"
#include "rnn_step.cuh"

namespace fastlm::cuda {

template <class Cell, class T>
RnnShape shape_of(const Walk& walk, int64_t hidden, bool backward) {
  return {walk.sequence.batch, hidden, Cell::kGates, int(sizeof(T)), backward};
}

template <class Cell>
constexpr bool carries_any() {
  for (int s = 0; s < Cell::kStates; s++)
    if (carries<Cell>(s)) return true;
  return false;
}

// Numbers of workspace that a launch with this plan needs.
template <class Cell>
int64_t workspace_of(const RnnPlan& plan, const RnnShape& shape) {
  const bool carries = shape.backward && plan.regime == Regime::kStep && carries_any<Cell>();
  return plan.packed_weights + (carries ? Cell::kStates * shape.batch * shape.hidden : 0);
}

inline LaunchShape launch_shape(const RnnPlan& plan) {
  return {dim3(unsigned(plan.row_blocks), unsigned(plan.unit_blocks)), dim3(unsigned(plan.threads)), plan.shared_bytes};
}

template <class T>
void launch_transpose(const T* from, T* to, int64_t rows, int64_t columns, cudaStream_t stream) {
  SharedArrays shared;
  shared.reserve<T>(kTransposeTile * padded(kTransposeTile));
  launch("transpose", transpose_kernel<T>,
         {dim3(unsigned(divide_up(rows, kTransposeTile)), unsigned(divide_up(columns, kTransposeTile))),
          dim3(kStepThreads), shared.bytes()},
         stream, from, to, rows, columns);
}

inline LaunchShape diagonal_shape(const Walk& walk, int64_t hidden) {
  return {dim3(unsigned(walk.sequence.batch), unsigned(divide_up(hidden, kDiagonalThreads))), dim3(kDiagonalThreads)};
}

// Calls function(std::integral_constant<int, rows>()) for the row count of a plan.
template <class Cell, class T, class Function>
void with_rows(const RnnPlan& plan, Function&& function) {
  if (plan.rows == kFewRows) return function(std::integral_constant<int, kFewRows>());
  function(std::integral_constant<int, many_rows(Cell::kGates, sizeof(T))>());
}

template <class Cell, class T>
void launch_forward(const RnnForward<T>& args, const RnnPlan& plan, T* workspace, cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch("diagonal_forward", diagonal_forward_kernel<Cell, T>, diagonal_shape(args.walk, args.hidden), stream, args);
  } else {
    if (plan.packed_weights) launch_transpose(args.w_hh, workspace, Cell::kGates * args.hidden, args.hidden, stream);
    with_rows<Cell, T>(plan, [&]<int kRows>(std::integral_constant<int, kRows>) {
      if (plan.regime == Regime::kPersistent)
        return launch("persistent_forward", persistent_forward_kernel<Cell, T, kRows>, launch_shape(plan), stream, args,
                      workspace, plan.resident);
      for (int64_t i = 0; i < args.walk.sequence.steps; i++)
        launch("step_forward", step_forward_kernel<Cell, T, kRows>, launch_shape(plan), stream, args, workspace, i);
    });
  }
}

template <class Cell, class T>
void launch_backward(const RnnBackward<T>& args, const RnnPlan& plan, T* workspace, cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch("diagonal_backward", diagonal_backward_kernel<Cell, T>, diagonal_shape(args.walk, args.hidden), stream,
           args);
  } else {
    with_rows<Cell, T>(plan, [&]<int kRows>(std::integral_constant<int, kRows>) {
      if (plan.regime == Regime::kPersistent)
        return launch("persistent_backward", persistent_backward_kernel<Cell, T, kRows>, launch_shape(plan), stream,
                      args, plan.resident);
      for (int64_t i = args.walk.sequence.steps - 1; i >= (args.d_hx[0] ? -1 : 0); i--)
        launch("step_backward", step_backward_kernel<Cell, T, kRows>, launch_shape(plan), stream, args, workspace, i);
    });
  }
}

}  // namespace fastlm::cuda
