// Zoneout on the CPU: a panel of one state in one row.
#pragma once

#include "../core/rnn/zoneout.h"
#include "panel.h"
#include "simd_philox.h"

namespace fastlm::cpu {

// The share of its value before the step that each unit of a panel keeps.
template <class T>
class KeptShare {
  static constexpr int kWidth = kPanelWidth<T>;
  using Counters = Vec<uint64_t>;
  static_assert(4 * kLanes<uint64_t> >= kWidth);

 public:
  // width: units of the state
  KeptShare(const Zoneout& zoneout, int s, int64_t row, int64_t width, int64_t panel) {
    if (!zoneout.random) {
      std::fill_n(share_, kWidth, T(zoneout.p[s]));
      return;
    }
    const uint64_t first = uint64_t(row * ((width + 3) / 4) + panel * (kWidth / 4));
    const Counters quad([&](int lane) { return first + uint64_t(lane); });
    PhiloxWords<Counters> stream[] = {
        {{quad, quad >> 32, Counters(uint64_t(zoneout.direction * kMaxStates + s)), Counters(0u)}}};
    philox4x32(stream, zoneout.seed);
    alignas(64) uint64_t words[4][kLanes<uint64_t>];
    for (int w = 0; w < 4; w++) stream[0].v[w].copy_to(words[w], stdx::vector_aligned);
    for (int u = 0; u < kWidth; u++) share_[u] = zoneout.keeps(s, uint32_t(words[u % 4][u / 4])) ? T(1) : T(0);
  }

  Vec<T> at(int unit_of_panel) const { return load(share_ + unit_of_panel); }

 private:
  alignas(64) T share_[kWidth];
};

}  // namespace fastlm::cpu
