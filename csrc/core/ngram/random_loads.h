// The machine's limit for look-ups: how long a load takes from anywhere in a buffer.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <numeric>
#include <random>
#include <vector>

namespace fastlm::ngram {

// Seconds of this thread's CPU time for a load, each from another line of so many bytes. Loads of a chain wait for one
// another: one chain has the latency of the memory, many have what it can do at once.
inline double seconds_a_load(size_t bytes, size_t chains, size_t loads = 1 << 22) {
  constexpr size_t kLine = 64 / sizeof(uint32_t);
  const size_t lines = std::max<size_t>(bytes / 64, 2);
  std::vector<uint32_t> order(lines), next(lines * kLine);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937 random(1);
  for (size_t i = lines - 1; i > 0; i--) std::swap(order[i], order[random() % i]);  // one cycle (Sattolo 1986)
  for (size_t i = 0; i < lines; i++) next[i * kLine] = order[i];
  std::vector<uint32_t> at(std::clamp<size_t>(chains, 1, lines));
  for (size_t i = 0; i < at.size(); i++) at[i] = uint32_t(i * (lines / at.size()));
  const auto now = [] {
    timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
  };
  const size_t rounds = std::max<size_t>(loads / at.size(), 1);
  const double begin = now();
  for (size_t i = 0; i < rounds; i++)
    for (uint32_t& place : at) place = next[place * kLine];
  const double seconds = now() - begin;
  volatile uint32_t used = std::accumulate(at.begin(), at.end(), 0u);  // so that the loads are not left out
  (void)used;
  return seconds / double(rounds * at.size());
}

}  // namespace fastlm::ngram
