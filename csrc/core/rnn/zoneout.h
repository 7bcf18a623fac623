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
  const int64_t* seed_at = nullptr;  // on a GPU: where the seed is, to be read when a kernel runs

  // Whether a state is a mixture, from which the cell's part can't be told.
  FASTLM_HD bool mixes(int s) const { return p[s] > 0 && !random; }
  FASTLM_HD uint32_t threshold(int s) const { return uint32_t(p[s] * 4294967296.0); }  // for p < 1: words below it keep

  // The share of its value before the step that a unit of state s, `width` units wide, keeps.
  FASTLM_HD double share(int s, int64_t row, int64_t unit, int64_t width) const {
    if (p[s] == 0 || !random || p[s] == 1) return p[s];
    const uint64_t quad = uint64_t(row) * uint64_t((width + 3) / 4) + uint64_t(unit) / 4;
    PhiloxWords<uint32_t> words[1] = {{{uint32_t(quad), uint32_t(quad >> 32), direction * kMaxStates + s, 0}}};
    philox4x32(words, seed_at ? uint64_t(*seed_at) : seed);
    // not words[0].v[unit % 4]: an index at run time would go through memory
    const uint32_t* v = words[0].v;
    const uint32_t word = unit & 2 ? (unit & 1 ? v[3] : v[2]) : (unit & 1 ? v[1] : v[0]);
    return word < threshold(s) ? 1 : 0;
  }
};

}  // namespace fastlm
