// The recurrence of one cell and number type: which kernels it takes, and their launches.
#pragma once

#include "rnn_diagonal.cuh"
#include "rnn_normed.cuh"
#include "rnn_persistent.cuh"
#include "rnn_plan.h"
#include "rnn_step.cuh"

namespace fastlm::cuda {

template <class Cell, class T, class Args>
RnnShape shape_of(const Args& args, bool backward) {
  return {args.walk.sequence.batch, args.hidden, args.options.outputs, Cell::kGates, Cell::kStates,
          int(sizeof(T)),           backward};
}

// A projection or a layer norm cuts a step in pieces: each has its launches.
template <class Args>
bool in_pieces(const Args& args) {
  return args.options.w_hr || args.options.gains;
}

template <class Cell, class T>
int64_t forward_workspace(const Forward<T>& args, Precision precision, const DeviceLimits& limits) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    return 0;
  } else {
    if (in_pieces(args)) return normed_forward_workspace<Cell, T>(args, precision, limits);
    return std::visit([](const auto& plan) { return plan.workspace_bytes; },
                      plan_rnn(shape_of<Cell, T>(args, false), precision, limits));
  }
}

template <class Cell, class T>
int64_t backward_workspace(const Backward<T>& args, Precision precision, const DeviceLimits& limits) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    return 0;
  } else {
    if (in_pieces(args)) return normed_backward_workspace<Cell, T>(args, precision, limits);
    return std::visit([](const auto& plan) { return plan.workspace_bytes; },
                      plan_rnn(shape_of<Cell, T>(args, true), precision, limits));
  }
}

template <class Cell, class T>
void launch_forward(const Forward<T>& args, Precision precision, const DeviceLimits& limits, void* workspace,
                    cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch_diagonal_forward<Cell, T>(args, stream);
  } else {
    if (in_pieces(args)) return launch_normed_forward<Cell, T>(args, precision, limits, workspace, stream);
    const RnnPlan plan = plan_rnn(shape_of<Cell, T>(args, false), precision, limits);
    if (const auto* persistent = std::get_if<PersistentPlan>(&plan))
      launch_persistent_forward<Cell, T>(args, *persistent, workspace, stream);
    else
      launch_step_forward<Cell, T>(args, std::get<StepPlan>(plan), workspace, stream);
  }
}

template <class Cell, class T>
void launch_backward(const Backward<T>& args, Precision precision, const DeviceLimits& limits, void* workspace,
                     cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch_diagonal_backward<Cell, T>(args, stream);
  } else {
    if (in_pieces(args)) return launch_normed_backward<Cell, T>(args, precision, limits, workspace, stream);
    const RnnPlan plan = plan_rnn(shape_of<Cell, T>(args, true), precision, limits);
    if (const auto* persistent = std::get_if<PersistentPlan>(&plan))
      launch_persistent_backward<Cell, T>(args, *persistent, workspace, stream);
    else
      launch_step_backward<Cell, T>(args, std::get<StepPlan>(plan), workspace, stream);
  }
}

}  // namespace fastlm::cuda
