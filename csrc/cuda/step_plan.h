// How a product with an epilogue is cut into blocks, and what the step regime of a recurrence needs: on the host,
// without CUDA.
//
// A block computes a tile of the product [rows, depth] x [depth, gates * units]: some rows, and all gates of some
// units. Its warps share the depth.
#pragma once

#include <algorithm>
#include <cstdint>

#include "../core/host_device.h"
#include "rnn.h"
#include "rnn_shape.h"

namespace fastlm::cuda {

inline constexpr int kStepWarps = 8;
inline constexpr int kStepThreads = 32 * kStepWarps;

// Rows and units of a block's tile. Small tiles are for small products, which would not give every multiprocessor a
// block otherwise; large ones read less, and are bounded by the registers that their sums take.
FASTLM_HD constexpr int step_rows(int gates, int number_bytes, bool tensor, bool large) {
  if (tensor) return large ? (gates == 1 ? 32 : 64) : 16;
  return (large ? 8 : 4) / (number_bytes == 8 ? 2 : 1);
}
FASTLM_HD constexpr int step_units(int gates, int rows, int number_bytes, bool tensor) {
  const bool large = rows == step_rows(gates, number_bytes, tensor, true);
  if (tensor) return large && gates == 1 ? 16 : 8;
  return !large ? 8 : gates == 1 ? 64 : 32;
}
// Parts of the depth that are added up apart: of a warp without tensor cores where a tile has fewer columns than lanes,
// several.
FASTLM_HD constexpr int step_parts(int gates, int units, bool tensor) {
  return kStepWarps * (tensor || gates * units > 16 ? 1 : 32 / (gates * units));
}
// Numbers of the left-hand side that lie in shared memory at a time, without tensor cores.
inline constexpr int kStepStaged = 2048;

struct ProductShape {
  int64_t rows, units, depth;
  int gates, number_bytes;
  bool tensor;
};

struct ProductPlan {
  bool tensor = false;
  int rows = 0, units = 0, threads = 0;     // of a block
  int64_t row_blocks = 0, unit_blocks = 0;  // the grid
  int64_t shared_bytes = 0;                 // of a block
};

struct StepPlan : ProductPlan {
  // Numbers of a row of the left-hand operand in the workspace, of which there are two copies of [batch] rows: whole
  // pieces of 16 bytes for tensor cores.
  int64_t operand_width = 0;
  // Where the parts of the workspace begin, in bytes: those copies; the weights as the product needs them; the states
  // (or, on the way back, gradients) that go from step to step past the product.
  int64_t operand = 0, weights = 0, carried = 0;
  int64_t workspace_bytes = 0;
};

namespace detail {

inline constexpr int64_t kWorkspaceLine = 128;  // parts of the workspace begin on whole lines

constexpr int64_t parts_of(int64_t number, int64_t by) { return (number + by - 1) / by; }
constexpr int64_t rounded(int64_t number, int64_t multiple) { return parts_of(number, multiple) * multiple; }

inline ProductPlan with_tile(const ProductShape& shape, bool large) {
  ProductPlan plan{shape.tensor};
  plan.rows = step_rows(shape.gates, shape.number_bytes, shape.tensor, large);
  plan.units = step_units(shape.gates, plan.rows, shape.number_bytes, shape.tensor);
  plan.threads = kStepThreads;
  plan.row_blocks = parts_of(shape.rows, plan.rows);
  plan.unit_blocks = parts_of(shape.units, plan.units);
  const int64_t computed_bytes = shape.number_bytes == 8 ? 8 : 4;
  const int64_t sums = step_parts(shape.gates, plan.units, shape.tensor) * shape.gates * plan.rows * plan.units;
  plan.shared_bytes = sums * computed_bytes + (shape.tensor ? 0 : kStepStaged * shape.number_bytes);
  return plan;
}

// What the busiest multiprocessor has to do for each of the depth, in the time that it takes to read a number from L2:
// reads, and without tensor cores multiplications, of which it makes some eight meanwhile.
inline int64_t effort(const ProductShape& shape, const ProductPlan& plan, int multiprocessors) {
  const int64_t columns = plan.units * shape.gates;
  return parts_of(plan.row_blocks * plan.unit_blocks, multiprocessors) *
         (std::min<int64_t>(plan.rows, shape.rows) + columns + (shape.tensor ? 0 : plan.rows * columns / 8));
}

}  // namespace detail

// Numbers in a piece of 16 bytes.
FASTLM_HD constexpr int piece_of(int number_bytes) { return 16 / number_bytes; }

// Numbers of a row of either operand: whole pieces for tensor cores.
constexpr int64_t operand_width(int64_t depth, int number_bytes, bool tensor) {
  return tensor ? detail::rounded(depth, piece_of(number_bytes)) : depth;
}

// 16-bit numbers always go through tensor cores, float where it may be rounded.
constexpr bool through_tensor_cores(int number_bytes, Precision precision) {
  return number_bytes == 2 || (number_bytes == 4 && precision == Precision::kTf32);
}

// Always fits.
inline ProductPlan plan_product(const ProductShape& shape, const DeviceLimits& limits) {
  const ProductPlan small = detail::with_tile(shape, false), large = detail::with_tile(shape, true);
  const int processors = std::max(limits.multiprocessors, 1);
  const bool fits = large.shared_bytes <= limits.shared_bytes;
  return fits && detail::effort(shape, large, processors) < detail::effort(shape, small, processors) ? large : small;
}

// Bytes of workspace for the weights [rows, columns] of a product as it needs them: see prepare_weights.
constexpr int64_t weights_bytes(int64_t rows, int64_t columns, int number_bytes, bool tensor, bool backward) {
  const int piece = piece_of(number_bytes);
  if (tensor == backward) return columns * detail::rounded(rows, piece) * number_bytes;
  return tensor ? rows * detail::rounded(columns, piece) * number_bytes : 0;
}

inline StepPlan plan_step(const RnnShape& shape, Precision precision, const DeviceLimits& limits) {
  const bool tensor = through_tensor_cores(shape.number_bytes, precision);
  const int64_t units = shape.backward ? shape.outputs : shape.hidden;
  const int gates = shape.backward ? 1 : shape.gates;
  StepPlan plan{plan_product({shape.batch, units, shape.depth(), gates, shape.number_bytes, tensor}, limits)};
  plan.operand_width = operand_width(shape.depth(), shape.number_bytes, tensor);
  const int64_t carried = shape.states - (shape.backward ? 0 : 1);  // forward finds h in the output
  const auto take = [&](int64_t bytes) {
    const int64_t at = plan.workspace_bytes;
    plan.workspace_bytes += detail::rounded(bytes, detail::kWorkspaceLine);
    return at;
  };
  plan.operand = take(2 * shape.batch * plan.operand_width * shape.number_bytes);
  plan.carried = take(carried * shape.batch * shape.hidden * shape.computed_bytes());
  plan.weights =
      take(weights_bytes(shape.gates * shape.hidden, shape.outputs, shape.number_bytes, tensor, shape.backward));
  return plan;
}

}  // namespace fastlm::cuda
