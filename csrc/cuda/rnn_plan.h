// How a recurrence is run on a GPU: chosen from its sizes and the device's limits, on the host, without CUDA.
//
// A step is a product [rows, depth] x [depth, width] with the cell behind it. Two regimes:
//
//   persistent  One launch for all steps. A block owns `rows` sequences, a thread one hidden unit of them. The weights,
//               or as many of their rows as fit, stay in shared memory; the rest is read from L2 at every step.
//   step        One launch a step. A block computes kWarp units of `rows` sequences, its warps share the depth.
//
// Step always fits, so a plan never fails.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../core/host_device.h"
#include "stream.h"

namespace fastlm::cuda {

inline constexpr int kFewRows = 2;     // sequences of a block, of a small batch
inline constexpr int kMaxUnits = 512;  // of the persistent regime: leaves 128 registers a thread
inline constexpr int kStepUnits = 32;  // of a block in the step regime
inline constexpr int kStepWarps = 8;   // that share the depth
inline constexpr int kStepThreads = 32 * kStepWarps;
inline constexpr int64_t kStepDepth = 256;  // rows of the product that are staged at a time

// Sequences of a block, of a large batch: bounded by the registers that their sums take.
constexpr int many_rows(int gates, int number_bytes) {
  if (number_bytes == 4) return gates <= 4 ? 8 : 4;
  return gates <= 3 ? 4 : 2;
}

// Numbers from one row of the weights in shared memory to the next: odd, so that a column lies in different banks.
FASTLM_HD constexpr int64_t padded(int64_t width) { return width | 1; }

struct RnnShape {
  int64_t batch, hidden;
  int gates, number_bytes;
  bool backward;

  // Forward multiplies h by U transposed, backward the gradients of the gates by U.
  int64_t depth() const { return backward ? gates * hidden : hidden; }
  int64_t width() const { return backward ? hidden : gates * hidden; }
};

enum class Regime { kPersistent, kStep };

struct RnnPlan {
  Regime regime;
  int rows = 0;                // sequences of a block
  int threads = 0;             // of a block
  int64_t row_blocks = 0;      // blocks over the batch
  int64_t unit_blocks = 0;     // blocks over the hidden units
  int64_t resident = 0;        // persistent: rows of the weights in shared memory, of depth()
  int64_t shared_bytes = 0;    // of a block
  int64_t packed_weights = 0;  // numbers of workspace for U transposed
};

namespace detail {

// What an SM may read from L2 at every step before a launch a step is the better bargain: at some 50 bytes/ns it takes
// as long as a launch, 2.5 us. Published figures of an H100, not measured.
inline constexpr int64_t kStreamedBytes = 128 * 1024;

inline int64_t aligned(int64_t bytes) { return (bytes + 15) / 16 * 16; }
inline int64_t blocks(int64_t number, int64_t by) { return (number + by - 1) / by; }

inline RnnPlan step_plan(const RnnShape& shape) {
  RnnPlan plan{Regime::kStep};
  plan.rows = shape.batch <= kFewRows ? kFewRows : many_rows(shape.gates, shape.number_bytes);
  plan.threads = kStepThreads;
  plan.row_blocks = blocks(shape.batch, plan.rows);
  plan.unit_blocks = blocks(shape.hidden, kStepUnits);
  const int64_t sums = shape.backward ? 1 : shape.gates;
  plan.shared_bytes = aligned(kStepDepth * plan.rows * shape.number_bytes) +
                      aligned(kStepWarps * sums * plan.rows * kStepUnits * shape.number_bytes);
  plan.packed_weights = shape.backward ? 0 : shape.depth() * shape.width();
  return plan;
}

}  // namespace detail

inline RnnPlan plan_rnn(const RnnShape& shape, const DeviceLimits& limits) {
  RnnPlan plan{Regime::kPersistent};
  const bool few = detail::blocks(shape.batch, kFewRows) <= limits.multiprocessors;
  plan.rows = few ? kFewRows : many_rows(shape.gates, shape.number_bytes);
  plan.threads = int(detail::blocks(shape.hidden, 32) * 32);
  plan.row_blocks = detail::blocks(shape.batch, plan.rows);
  plan.unit_blocks = 1;
  const int64_t exchange = 2 * detail::aligned(shape.depth() * plan.rows * shape.number_bytes);
  const int64_t row_bytes = padded(shape.width()) * shape.number_bytes;
  plan.resident = std::clamp<int64_t>((limits.shared_bytes - exchange - 16) / row_bytes, 0, shape.depth());
  plan.shared_bytes = exchange + detail::aligned(plan.resident * row_bytes);
  const int64_t streamed = shape.depth() - plan.resident;
  plan.packed_weights = shape.backward || streamed == 0 ? 0 : shape.depth() * shape.width();
  const bool fits = shape.hidden <= kMaxUnits && plan.shared_bytes <= limits.shared_bytes &&
                    streamed * shape.width() * shape.number_bytes <= detail::kStreamedBytes;
  return fits ? plan : detail::step_plan(shape);
}

}  // namespace fastlm::cuda
