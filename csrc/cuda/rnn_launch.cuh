// The recurrence of one cell and number type: which kernels it takes, and their launches.
#pragma once

#include "rnn_diagonal.cuh"
#include "rnn_normed.cuh"
#include "rnn_persistent.cuh"
#include "rnn_plan.h"
#include "rnn_step.cuh"

namespace fastlm::cuda {

// The plan, or a launch a step where its blocks could not meet.
template <class Cell, class T, class Args, class KernelOf>
RnnPlan plan_of(const Args& args, bool backward, Precision precision, const DeviceLimits& limits,
                const KernelOf& kernel_of) {
  const RnnShape shape{args.walk.sequence.batch, args.hidden, args.options.outputs, Cell::kGates, Cell::kStates,
                       int(sizeof(T)),           backward};
  const RnnPlan plan = plan_rnn(shape, precision, limits);
  const auto* persistent = std::get_if<PersistentPlan>(&plan);
  if (persistent && !persistent_fits(kernel_of(*persistent), *persistent)) return plan_step(shape, precision, limits);
  return plan;
}
template <class Cell, class T>
RnnPlan plan_of(const Forward<T>& args, Precision precision, const DeviceLimits& limits) {
  return plan_of<Cell, T>(args, false, precision, limits, persistent_forward_of<Cell, T>);
}
template <class Cell, class T>
RnnPlan plan_of(const Backward<T>& args, Precision precision, const DeviceLimits& limits) {
  return plan_of<Cell, T>(args, true, precision, limits, persistent_backward_of<Cell, T>);
}

inline int64_t workspace_of(const RnnPlan& plan) {
  return std::visit([](const auto& regime) { return regime.workspace_bytes; }, plan);
}

// A projection or a layer norm cuts a step in pieces: each has its launches.
template <class Args>
bool in_pieces(const Args& args) {
  return args.options.w_hr || args.options.gains;
}

template <class Cell, class T>
void launch_forward(const Forward<T>& args, Precision precision, const DeviceLimits& limits, const Allocate& allocate,
                    cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch_diagonal_forward<Cell, T>(args, stream);
  } else {
    if (in_pieces(args)) {
      void* const workspace = allocate(normed_forward_workspace<Cell, T>(args, precision, limits));
      return launch_normed_forward<Cell, T>(args, precision, limits, workspace, stream);
    }
    const RnnPlan plan = plan_of<Cell>(args, precision, limits);
    void* const workspace = allocate(workspace_of(plan));
    if (const auto* persistent = std::get_if<PersistentPlan>(&plan))
      launch_persistent_forward<Cell, T>(args, *persistent, workspace, stream);
    else
      launch_step_forward<Cell, T>(args, std::get<StepPlan>(plan), workspace, stream);
  }
}

template <class Cell, class T>
void launch_backward(const Backward<T>& args, Precision precision, const DeviceLimits& limits, const Allocate& allocate,
                     cudaStream_t stream) {
  if constexpr (Cell::kRecurrence == Recurrence::kDiagonal) {
    launch_diagonal_backward<Cell, T>(args, stream);
  } else {
    if (in_pieces(args)) {
      void* const workspace = allocate(normed_backward_workspace<Cell, T>(args, precision, limits));
      return launch_normed_backward<Cell, T>(args, precision, limits, workspace, stream);
    }
    const RnnPlan plan = plan_of<Cell>(args, precision, limits);
    void* const workspace = allocate(workspace_of(plan));
    if (const auto* persistent = std::get_if<PersistentPlan>(&plan))
      launch_persistent_backward<Cell, T>(args, *persistent, workspace, stream);
    else
      launch_step_backward<Cell, T>(args, std::get<StepPlan>(plan), workspace, stream);
  }
}

}  // namespace fastlm::cuda
