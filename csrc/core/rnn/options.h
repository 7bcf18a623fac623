// What a recurrent layer may have besides its cell, and what that leaves for backward.
#pragma once

#include "cell.h"
#include "zoneout.h"

namespace fastlm {

// Zeros: nothing of it, but for `outputs`.
template <class T>
struct RnnOptions {
  int64_t outputs;        // P: width of h, H unless the cell's output is projected
  const T* w_hr;          // [P, H]: the projection of the output (Sak et al. 2014), or null
  const T* gains;         // layer norm, [gain_count]: of W x and of U h, [G * H] each, then gain and shift of the state
  const T* h_mask;        // [batch, P]: factors of h on its way to U, the same at all steps; null: ones
  Zoneout zoneout;        // of h, P wide, and the other state
  double bptt_clip;       // backward keeps the gradients of pre-activations within +-clip; 0: leaves them
  int64_t states_stride;  // of the rows of every step's states
};

// Whether only the way back may differ from the cell's own.
template <class T>
constexpr bool is_plain(const RnnOptions<T>& o) {
  return !o.w_hr && !o.gains && !o.h_mask && o.zoneout.p[0] == 0 && o.zoneout.p[1] == 0;
}

// Layer norm (Ba, Kiros & Hinton 2016): W x and U h of a row are normalised over all gates, and where the output is a
// function of another state, that state on its way to the output, too.
constexpr int64_t gain_count(int gates, int64_t hidden, bool output_apart) {
  return (2 * gates + (output_apart ? 2 : 0)) * hidden;
}

// What forward keeps of the options for each row of a layer: where each part begins, and the width of all.
struct KeptLayout {
  int64_t unprojected;                       // [H]: what the projection was given
  int64_t x_normal, h_normal, state_normal;  // [G * H], [G * H], [H]: normalised, before the gain
  int64_t scales;                            // of these three: 1 / standard deviation
  int64_t output;                            // [H]: of the cell, before zoneout
  int64_t width;

  FASTLM_HD constexpr KeptLayout(int gates, int64_t hidden, bool output_apart, bool projected, bool normed, bool mixed)
      : unprojected(0),
        x_normal(projected ? hidden : 0),
        h_normal(x_normal + (normed ? gates * hidden : 0)),
        state_normal(h_normal + (normed ? gates * hidden : 0)),
        scales(state_normal + (normed && output_apart ? hidden : 0)),
        output(scales + (normed ? 2 + output_apart : 0)),
        width(output + (mixed ? hidden : 0)) {}
};

template <class Cell, class T>
FASTLM_HD constexpr KeptLayout kept_layout(int64_t hidden, const RnnOptions<T>& options) {
  const bool projected = options.w_hr != nullptr;
  return {Cell::kGates, hidden, kOutputApart<Cell>, projected, options.gains != nullptr, options.zoneout.mixes(0)};
}

}  // namespace fastlm
