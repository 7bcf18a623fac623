// A batch of sequences, laid out as rows: the order of torch's PackedSequence.
//
// Rows of one time step are neighbours. Step t has batch_sizes[t] of them, the longest sequences first, and begins at
// row offsets[t]. A batch of equal lengths needs neither array. Pointers are the host's on the CPU, the device's on a
// GPU.
#pragma once

#include <cstdint>

#include "../host_device.h"

namespace fastlm {

struct Sequence {
  int64_t steps = 0;                     // T
  int64_t batch = 0;                     // sequences: rows of step 0
  const int64_t* batch_sizes = nullptr;  // [steps], never growing; null: all are `batch`
  const int64_t* offsets = nullptr;      // [steps]; null with batch_sizes

  FASTLM_HD int64_t rows(int64_t t) const { return t < 0 || t >= steps ? 0 : batch_sizes ? batch_sizes[t] : batch; }
  FASTLM_HD int64_t row(int64_t t, int64_t b) const { return (offsets ? offsets[t] : t * batch) + b; }
};

// The order in which a direction visits the steps: forward 0..T-1, reverse T-1..0.
struct Walk {
  Sequence sequence;
  bool reverse = false;

  FASTLM_HD int64_t step(int64_t i) const { return reverse ? sequence.steps - 1 - i : i; }
  FASTLM_HD int64_t before(int64_t t) const { return reverse ? t + 1 : t - 1; }
  FASTLM_HD int64_t after(int64_t t) const { return reverse ? t - 1 : t + 1; }
  // Rows of step t that come from the step before (the others start here, from the initial state), and that go on to
  // the step after (the others end here, in the final state). Both are the first rows of the step.
  FASTLM_HD int64_t continued(int64_t t) const { return least(sequence.rows(t), sequence.rows(before(t))); }
  FASTLM_HD int64_t continuing(int64_t t) const { return least(sequence.rows(t), sequence.rows(after(t))); }

 private:
  FASTLM_HD static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
};

}  // namespace fastlm
