// The sizes of a recurrence, from which a plan for a GPU is made.
#pragma once

#include <cstdint>

namespace fastlm::cuda {

struct RnnShape {
  int64_t batch, hidden;
  int64_t outputs;  // `hidden` unless the output is projected
  int gates, number_bytes;
  bool backward;
};

}  // namespace fastlm::cuda
