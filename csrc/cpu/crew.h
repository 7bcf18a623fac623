// Threads that work on one sequence together, in step: each has its share of the hidden units and waits for the others
// at the end of a time step.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "team.h"

namespace fastlm::cpu {

// Members wait for one another; each stands for some of the `shares` there are. It spins, then yields: with more
// threads than processors, the others must get their turn.
class Barrier {
 public:
  explicit Barrier(int64_t shares) : shares_(shares) {}

  // `round`: how often this member has waited before, from 0.
  void wait(int64_t members_shares, int64_t round) {
    if (members_shares == shares_) return;
    arrived_.fetch_add(members_shares, std::memory_order_acq_rel);
    for (int spins = 0; arrived_.load(std::memory_order_acquire) < shares_ * (round + 1); spins++) {
      if (spins < kSpins)
        pause();
      else
        sched_yield();
    }
  }

  static void pause() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  static constexpr int kSpins = 4000;

 private:
  const int64_t shares_;
  alignas(64) std::atomic<int64_t> arrived_ = 0;
};

// Calls work(begin, end, barrier) on members that run at the same time and whose shares [begin, end) make up
// [0, shares). A team promises no such thing: its slices may run one after the other, where it is busy or nested. So
// members first wait for all to appear; if one is missing for long, the first to lose patience does everything alone.
template <class Work>
void with_crew(Team& team, int64_t shares, const Work& work) {
  enum : int { kGathering, kTogether, kAlone };
  std::atomic<int> plan = kGathering;
  std::atomic<int64_t> present = 0;
  Barrier barrier(shares);
  team.for_slices(shares, 1, [&](int64_t begin, int64_t end) {
    if (end - begin == shares) return work(begin, end, barrier);
    int seen = kGathering;
    if (present.fetch_add(end - begin) + end - begin == shares) plan.compare_exchange_strong(seen, kTogether);
    const auto patience = std::chrono::steady_clock::now() + std::chrono::milliseconds(2);
    for (int spins = 0; (seen = plan.load()) == kGathering; spins++) {
      if (spins < Barrier::kSpins) {
        Barrier::pause();
      } else if (sched_yield(); std::chrono::steady_clock::now() > patience) {
        if (plan.compare_exchange_strong(seen, kAlone)) return work(0, shares, barrier);
      }
    }
    if (seen == kTogether) work(begin, end, barrier);
  });
}

}  // namespace fastlm::cpu
