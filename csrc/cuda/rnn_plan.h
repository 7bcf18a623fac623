// Which kernels run a recurrence: by an estimate of what a step takes, on the host, without CUDA.
//
//   persistent  One launch for all steps, the weights on the chip (persistent_plan.h). Its steps wait for an exchange.
//   step        One launch a step (step_plan.h). Always fits, so a plan never fails; the weights come from the L2
//   cache.
#pragma once

#include <algorithm>
#include <cmath>
#include <variant>

#include "persistent_plan.h"
#include "step_plan.h"

namespace fastlm::cuda {

using RnnPlan = std::variant<PersistentPlan, StepPlan>;

namespace detail {

// Round published figures of an A100 and an H100, good enough to tell regimes apart; docs/cuda-model.md has a finer
// model. Multiply-adds are those of a multiprocessor, reads from L2 those of the GPU.
inline constexpr double kLaunchNs = 2500, kBlockNs = 50, kClusterNs = 500, kGridNs = 1800;
inline constexpr double kFmaPerNs = 180, kDoubleFmaPerNs = 45, kTensorFmaPerNs = 1500, kL2BytesPerNs = 4000;

inline double fma_per_ns(const RnnShape& shape) { return shape.number_bytes == 8 ? kDoubleFmaPerNs : kFmaPerNs; }

}  // namespace detail

// Of one step.
inline double estimated_ns(const PersistentPlan& plan, const RnnShape& shape, const DeviceLimits& limits) {
  const double waves = double(detail::parts_of(plan.blocks * plan.row_groups, std::max(limits.multiprocessors, 1)));
  const double work = double(plan.rows) * plan.units_of_block * shape.gates * shape.hidden / detail::fma_per_ns(shape);
  const double exchange = plan.exchange == Exchange::kBlock     ? detail::kBlockNs
                          : plan.exchange == Exchange::kCluster ? detail::kClusterNs
                                                                : detail::kGridNs;
  return waves * (exchange + work);
}

inline double estimated_ns(const StepPlan& plan, const RnnShape& shape, const DeviceLimits& limits) {
  const double processors = std::max(limits.multiprocessors, 1), weights = double(shape.depth() * shape.width());
  const double blocks = double(plan.row_blocks * plan.unit_blocks);
  const double waves = std::ceil(blocks / processors) / (blocks / processors);  // the last one is not full
  const double rate = plan.tensor ? detail::kTensorFmaPerNs : detail::fma_per_ns(shape);
  const double work = waves * weights * double(plan.row_blocks * plan.rows) / (rate * processors);
  const double read = weights * shape.number_bytes * double(plan.row_blocks) / detail::kL2BytesPerNs;
  return detail::kLaunchNs + std::max(work, read);
}

inline RnnPlan plan_rnn(const RnnShape& shape, Precision precision, const DeviceLimits& limits) {
  const StepPlan step = plan_step(shape, precision, limits);
  const auto persistent = plan_persistent(shape, limits);
  if (persistent && estimated_ns(*persistent, shape, limits) <= estimated_ns(step, shape, limits)) return *persistent;
  return step;
}

}  // namespace fastlm::cuda
