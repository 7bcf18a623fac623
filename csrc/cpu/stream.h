// Inference on a stream: all layers of a module over a few steps of a small batch, with the weights as they lie.
//
// Nothing is packed or kept: at one step the time is that of reading the weights once, so they may be stored narrower
// than float, in bfloat16 or in int8 with a scale for each row. Arithmetic is float's. L = layers, H = hidden,
// G = the cell's gates.
#pragma once

#include <string_view>
#include <vector>

#include "../core/half.h"
#include "../core/rnn/recurrence.h"
#include "team.h"

namespace fastlm::cpu {

template <class Weight>
struct StreamLayer {
  int64_t inputs;         // I
  const Weight* w_ih;     // [G * H, I]
  const Weight* w_hh;     // [G * H, H]; null for a diagonal recurrence
  const float* diagonal;  // [G * H] for a diagonal recurrence
  const float* scale_ih;  // [G * H] or null for ones: row i of W is scale[i] * w[i]
  const float* scale_hh;
  const float* b_ih;  // [G * H] or null
  const float* b_hh;
};

template <class Weight>
struct Stream {
  int64_t steps, batch, hidden;
  std::vector<StreamLayer<Weight>> layers;
  const float* input;           // [steps, batch, I]
  const float* hx[kMaxStates];  // a state each: [L, batch, H] or null for zeros
  float* output;                // [steps, batch, H], of the last layer
  float* hn[kMaxStates];        // a state each: [L, batch, H]
};

// Weight: float, BFloat16 or int8_t.
template <class Weight>
void rnn_stream(std::string_view cell, const Stream<Weight>& stream, Team& team);

}  // namespace fastlm::cpu
