// Zoneout: units that keep their state for a step, instead of dropping it.
//
// Krueger et al. (2017), "Zoneout: regularizing RNNs by randomly preserving hidden activations". Which units is a pure
// function of (seed, direction, state, row, unit): word unit % 4 of Philox(counter = {row * ceil(width / 4) + unit / 4,
// direction * 2 + state}, key = seed). So nothing is stored, and backward computes it again.
#pragma once

#include <cstdint>

#include "../philox.h"

namespace fastlm {

inline constexpr int kMaxStates = 2;

struct Zoneout {
  uint64_t seed = 0;
  bool random = false;        // draw units; else every unit keeps its expected share, as in evaluation
  double p[kMaxStates] = {};  // probability that a unit keeps state s
  uint32_t direction = 0;

  // Whether a state is a mixture, from which the cell's part can't be told.
  FASTLM_HD bool mixes(int s) const { return p[s] > 0 && !random; }
  FASTLM_HD uint32_t threshold(int s) const { return uint32_t(p[s] * 4294967296.0); }  // for p < 1: words below it keep
};

}  // namespace fastlm
