#include "limits.h"

#include <atomic>
#include <vector>

#include "panel.h"

namespace fastlm::cpu {

int64_t run_fma(int64_t repeats, Team& team) {
  constexpr int kSums = 2 * kMaxRows;  // as many as the product kernels keep
  std::atomic<int64_t> threads = 0;
  team.for_slices(team.size(), 1, [&](int64_t begin, int64_t end) {
    Vec<float> sum[kSums];
    for (int i = 0; i < kSums; i++) sum[i] = Vec<float>(float(begin + i));
    const Vec<float> a(0.999f), b(0.001f);
    for (int64_t n = 0; n < repeats * (end - begin); n++) {
#pragma GCC unroll 24
      for (int i = 0; i < kSums; i++) sum[i] = multiply_add(sum[i], a, b);
    }
    Vec<float> all(0);
    for (int i = 0; i < kSums; i++) all += sum[i];
    threads += reduce(all) > -1e30f ? end - begin : 0;
  });
  return threads * repeats * kSums * kLanes<float> * 2;
}

float run_read(const float* buffer, int64_t count, int64_t repeats, Team& team) {
  constexpr int64_t kStep = 8 * kLanes<float>;
  std::atomic<float> total = 0;
  team.for_slices(count / kStep, 4096 / kStep, [&](int64_t begin, int64_t end) {
    Vec<float> sum[8] = {0, 0, 0, 0, 0, 0, 0, 0};
    for (int64_t n = 0; n < repeats; n++)
      for (int64_t i = begin; i < end; i++)
#pragma GCC unroll 8
        for (int j = 0; j < 8; j++) sum[j] += load(buffer + i * kStep + j * kLanes<float>);
    Vec<float> all(0);
    for (const auto& s : sum) all += s;
    total += reduce(all);
  });
  return total;
}

}  // namespace fastlm::cpu
