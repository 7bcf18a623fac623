// How the steps of a recurrence run in one launch, with the weights on the chip: chosen on the host, without CUDA.
//
// A row group is `rows` sequences; its hidden units are spread over `blocks` blocks, which pass on what the step after
// needs: through the shared memory of one block, of a cluster of blocks, or through global memory. Groups do not meet.
//
// In a block, tile.lanes() << doublings neighbouring lanes are a lane group: it owns tile.units hidden units, and each
// of its lanes adds up some places of the depth for all of them. Afterwards four lanes have a unit, and of its rows a
// quarter each; where there are more lanes than that, they only help to add.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>

#include "../core/host_device.h"
#include "rnn_shape.h"
#include "stream.h"

namespace fastlm::cuda {

enum class Exchange { kBlock, kCluster, kGrid };

inline constexpr int kPersistentThreads = 512;  // of a block, at most: leaves 128 registers a thread
inline constexpr int kFewRows = 2;              // of a row group, of a small batch
inline constexpr int kQuarters = 4;             // lanes that share the rows of a unit
inline constexpr int kCounterBytes = 128;       // a counter has a cache line of its own

// Rows of a row group, of a large batch: bounded by the registers that their sums take.
constexpr int many_rows(int number_bytes) { return number_bytes == 8 ? 4 : 8; }

// What one thread multiplies: sums x rows of outputs, with `step` words of weights for each sum in a tile. A word is a
// number, or two of 16 bits, of successive places in the depth. The first `held` tiles of weights are in registers, the
// others in shared memory, where they are read 16 bytes at a time.
struct PersistentTile {
  int rows, units, sums, pack, word_bytes, number_bytes, step, held;

  constexpr PersistentTile(int gates, int bytes, bool backward, int rows)
      : rows(rows),
        units(backward || gates == 1 ? 4
              : gates == 2           ? 2
                                     : 1),
        sums(backward ? units : units * gates),
        pack(bytes == 2 ? 2 : 1),
        word_bytes(bytes == 8 ? 8 : 4),
        number_bytes(word_bytes),
        step(wide() / std::gcd(wide(), sums)),
        held(held_words() / words()) {}

  constexpr int wide() const { return 16 / word_bytes; }
  constexpr int words() const { return step * sums; }
  constexpr int lanes() const { return kQuarters * units; }  // the least of a lane group
  constexpr int depth() const { return step * pack; }        // of one lane
  // As many as leave room for the sums and for the cell, so that nothing spills.
  constexpr int held_words() const {
    const bool few = rows <= kFewRows;
    return word_bytes == 8 ? few ? 20 : 8 : pack == 2 ? few ? 32 : 16 : few ? 48 : 32;
  }
};

struct PersistentPlan {
  Exchange exchange;
  int rows = 0;            // of a row group
  int threads = 0;         // of a block
  int units_of_block = 0;  // hidden units of a block
  int doublings = 0;       // of the lanes of a lane group
  int tiles = 0;           // of a lane, those in registers included
  int64_t blocks = 0;      // of a row group
  int64_t row_groups = 0;
  int64_t depth = 0;            // of the product, padded to whole tiles of all lanes
  int64_t shared_bytes = 0;     // of a block
  int64_t workspace_bytes = 0;  // cleared by the launch
};

namespace detail {

constexpr int64_t parts(int64_t number, int64_t of) { return (number + of - 1) / of; }

}  // namespace detail

// The plan with these choices, or nothing if a block would be too large. blocks is what may be had: fewer are planned
// where they suffice.
inline std::optional<PersistentPlan> plan_exchange(const RnnShape& shape, const DeviceLimits& limits, Exchange exchange,
                                                   int rows, int64_t blocks) {
  constexpr int kWarpLanes = 32;
  const PersistentTile tile(shape.gates, shape.number_bytes, shape.backward, rows);
  const int64_t units = detail::parts(detail::parts(shape.hidden, blocks), tile.units) * tile.units;
  if (units * kQuarters > kPersistentThreads) return {};

  PersistentPlan plan{exchange, rows};
  plan.units_of_block = int(units);
  plan.blocks = exchange == Exchange::kCluster ? blocks : detail::parts(shape.hidden, units);
  plan.row_groups = detail::parts(shape.batch, rows);
  // As many lanes as have work for the weights that they hold.
  int lanes = tile.lanes();
  while (2 * lanes <= kWarpLanes && units / tile.units * 2 * lanes <= kPersistentThreads &&
         2 * lanes * tile.held * tile.depth() <= shape.depth())
    lanes *= 2, plan.doublings++;
  plan.threads = int(detail::parts(units / tile.units * lanes, kWarpLanes) * kWarpLanes);
  plan.tiles = std::max(tile.held, int(detail::parts(shape.depth(), lanes * tile.depth())));
  plan.depth = int64_t(plan.tiles) * tile.depth() * lanes;

  const int64_t copy = plan.depth * rows * tile.number_bytes;  // a multiple of 16 bytes
  const int64_t streamed = int64_t(plan.tiles - tile.held) * tile.words() * tile.word_bytes * plan.threads;
  plan.shared_bytes = streamed + (exchange == Exchange::kGrid ? 1 : 2) * copy;
  plan.workspace_bytes = exchange == Exchange::kGrid ? plan.row_groups * (kCounterBytes + 2 * copy) : 0;
  if (plan.shared_bytes > limits.shared_bytes) return {};
  return plan;
}

// Nothing where no persistent plan fits: then launch every step. One block a row group where that suffices, as it waits
// for nobody; then a cluster, and then the whole GPU, all of whose blocks must run together: batches too large for that
// get no plan.
inline std::optional<PersistentPlan> plan_persistent(const RnnShape& shape, const DeviceLimits& limits) {
  constexpr int64_t kBlockUnits = 128, kLeastUnits = 8, kSpreadUnits = 32;
  if (shape.outputs != shape.hidden || shape.batch == 0) return {};
  const int many = many_rows(shape.number_bytes);
  const auto groups = [&](int rows) { return detail::parts(shape.batch, rows); };
  // Few rows make a short step, if there are blocks enough for all groups; else many make the most of the weights.
  const auto rows_of = [&](int64_t blocks) {
    return groups(kFewRows) * blocks <= limits.multiprocessors ? kFewRows : many;
  };
  const auto plan_with = [&](Exchange exchange, int64_t blocks) {
    const int rows = rows_of(blocks);
    auto plan = plan_exchange(shape, limits, exchange, rows, blocks);
    return plan || rows == kFewRows ? plan : plan_exchange(shape, limits, exchange, kFewRows, blocks);
  };
  if (shape.hidden <= kBlockUnits)
    if (const auto plan = plan_with(Exchange::kBlock, 1)) return plan;

  // A cluster of more than 8 blocks is for the large GPUs of Hopper and Blackwell alone.
  const int64_t largest = limits.major >= 12 ? 8 : limits.major >= 9 ? 16 : 1;
  for (int64_t blocks = 2; blocks <= largest; blocks *= 2) {
    auto plan = plan_with(Exchange::kCluster, blocks);
    if (!plan) continue;
    // Processors that would do nothing make each step shorter.
    while (blocks * 2 <= largest && shape.hidden >= kSpreadUnits * blocks * 2 &&
           plan->row_groups * blocks * 2 <= limits.multiprocessors) {
      const auto wider = plan_exchange(shape, limits, Exchange::kCluster, plan->rows, blocks *= 2);
      if (wider) plan = wider;
    }
    return plan;
  }

  if (!limits.cooperative) return {};
  for (const int rows : {many, kFewRows}) {
    if (rows == many && shape.batch <= kFewRows) continue;  // half of them would be empty
    const int64_t blocks = std::min(limits.multiprocessors / groups(rows), detail::parts(shape.hidden, kLeastUnits));
    if (blocks == 0) continue;
    if (const auto plan = plan_exchange(shape, limits, Exchange::kGrid, rows, blocks)) return plan;
  }
  return {};
}

}  // namespace fastlm::cuda
