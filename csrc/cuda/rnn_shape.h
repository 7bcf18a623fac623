// The sizes of a recurrence, from which its plan is made: on the host, without CUDA.
#pragma once

#include <cstdint>

namespace fastlm::cuda {

struct RnnShape {
  int64_t batch, hidden, outputs;  // outputs: width of h
  int gates, states, number_bytes;
  bool backward;

  // Forward multiplies h by U transposed, backward the gradients of the gates by U.
  int64_t depth() const { return backward ? gates * hidden : outputs; }
  int64_t width() const { return backward ? outputs : gates * hidden; }
  // Of the numbers that are computed with: the 16-bit types are computed with in float.
  int computed_bytes() const { return number_bytes == 8 ? 8 : 4; }
};

}  // namespace fastlm::cuda
