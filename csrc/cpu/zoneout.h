// Zoneout on the CPU: a panel of one state in a block of rows.
#pragma once

#include "../core/rnn/zoneout.h"
#include "panel.h"
#include "simd_philox.h"

namespace fastlm::cpu {

// The share of its value before the step that each unit keeps; none until it is filled.
template <class T>
class KeptShares {
  static constexpr int kWidth = kPanelWidth<T>, kLane = kLanes<uint64_t>;
  static constexpr int kStreams = 6;  // rows at a time: a round of Philox is a chain of latencies
  using Counters = Vec<uint64_t>;
  static_assert(4 * kLane >= kWidth);

 public:
  // State s of `count` rows from `row` on. width: units of the state
  void fill(const Zoneout& zoneout, int s, int64_t row, int count, int64_t width, int64_t panel) {
    if (zoneout.p[s] == 0) return;
    on_ = true;
    if (!zoneout.random || zoneout.p[s] == 1) {
      std::fill_n(share_[0], count * kWidth, T(zoneout.p[s]));
      return;
    }
    const uint64_t quads = uint64_t((width + 3) / 4), panel_quad = uint64_t(panel * (kWidth / 4));
    const uint64_t stream_id = uint64_t(zoneout.direction * kMaxStates + s);
    const uint32_t threshold = zoneout.threshold(s);
    for (int first = 0; first < count; first += kStreams) {
      PhiloxWords<Counters> stream[kStreams];
      for (int r = 0; r < kStreams; r++) {
        const uint64_t start = uint64_t(row + first + r) * quads + panel_quad;
        const Counters quad([&](int lane) { return start + uint64_t(lane); });
        stream[r] = {{quad, quad >> 32, Counters(stream_id), Counters(0u)}};
      }
      philox4x32(stream, zoneout.seed);
      for (int r = 0; r < std::min(kStreams, count - first); r++) {
        alignas(64) uint32_t words[4 * kLane];  // one a unit
        store_words(stream[r], words);
        for (int u = 0; u < kWidth; u++) share_[first + r][u] = words[u] < threshold ? T(1) : T(0);
      }
    }
  }

  explicit operator bool() const { return on_; }
  Vec<T> at(int row, int unit_of_panel) const { return load(share_[row] + unit_of_panel); }

 private:
  bool on_ = false;
  alignas(64) T share_[kMaxRows][kWidth];
};

}  // namespace fastlm::cpu
