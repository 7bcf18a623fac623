#include "optimizer.h"

#include <algorithm>
#include <bit>
#include <numeric>
#include <vector>

#include "../core/host_device.h"
#include "simd.h"

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace fastlm::cpu {
namespace {

constexpr int64_t kBlock = 4096;  // numbers
constexpr int64_t kBlocksWorthAThread = 16;

// Calls f(first, count) for each vector of [0, count), on the team.
template <class T, class F>
void for_vectors(int64_t count, Team& team, const F& f) {
  team.for_slices((count + kBlock - 1) / kBlock, kBlocksWorthAThread, [&](int64_t begin, int64_t end) {
    end = std::min(count, end * kBlock);
    int64_t i = begin * kBlock;
    for (; i + kLanes<T> <= end; i += kLanes<T>) f(i, kLanes<T>);
    if (i < end) f(i, int(end - i));
  });
}

// stdx::sqrt, about which GCC 12 warns for AVX-512, in its own header.
template <class T>
FASTLM_INLINE Vec<T> root(Vec<T> v) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return std::bit_cast<Vec<T>>(_mm512_maskz_sqrt_ps(0xFFFF, std::bit_cast<__m512>(v)));
  else
    return std::bit_cast<Vec<T>>(_mm512_maskz_sqrt_pd(0xFF, std::bit_cast<__m512d>(v)));
#else
  return stdx::sqrt(v);
#endif
}

}  // namespace

template <class T>
double sum_of_squares(const T* numbers, int64_t count, Team& team) {
  constexpr int kChains = 4;
  std::vector<double> sums((count + kBlock - 1) / kBlock);
  team.for_slices(int64_t(sums.size()), kBlocksWorthAThread, [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; b++) {
      Vec<T> sum[kChains];
      for (auto& one : sum) one = Vec<T>(0);
      for (int64_t i = b * kBlock; i < std::min(count, (b + 1) * kBlock); i += kChains * kLanes<T>)
        for (int c = 0; c < kChains; c++) {
          const int64_t at = i + c * kLanes<T>;
          if (at >= count) break;
          const Vec<T> v = load_first(numbers + at, int(std::min<int64_t>(kLanes<T>, count - at)));
          sum[c] = multiply_add(v, v, sum[c]);
        }
      sums[b] = double(stdx::reduce(sum[0] + sum[1])) + double(stdx::reduce(sum[2] + sum[3]));
    }
  });
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

template <class T>
void sgd_step(const SgdRule<T>& rule, T* parameter, const T* gradient, T* momentum_buffer, int64_t count, Team& team) {
  for_vectors<T>(count, team, [&](int64_t i, int live) {
    Vec<T> p = load_first(parameter + i, live);
    const Vec<T> g = load_first(gradient + i, live);
    if (momentum_buffer) {
      Vec<T> buffer = load_first(momentum_buffer + i, live);
      rule.step(p, g, buffer);
      store_first(momentum_buffer + i, buffer, live);
    } else {
      rule.step(p, g);
    }
    store_first(parameter + i, p, live);
  });
}

template <class T>
void adam_step(const AdamRule<T>& rule, T* parameter, const T* gradient, T* mean, T* square, int64_t count,
               Team& team) {
  for_vectors<T>(count, team, [&](int64_t i, int live) {
    Vec<T> p = load_first(parameter + i, live), m = load_first(mean + i, live), s = load_first(square + i, live);
    rule.step(p, load_first(gradient + i, live), m, s, root<T>);
    store_first(parameter + i, p, live);
    store_first(mean + i, m, live);
    store_first(square + i, s, live);
  });
}

template double sum_of_squares(const float*, int64_t, Team&);
template double sum_of_squares(const double*, int64_t, Team&);
template void sgd_step(const SgdRule<float>&, float*, const float*, float*, int64_t, Team&);
template void sgd_step(const SgdRule<double>&, double*, const double*, double*, int64_t, Team&);
template void adam_step(const AdamRule<float>&, float*, const float*, float*, float*, int64_t, Team&);
template void adam_step(const AdamRule<double>&, double*, const double*, double*, double*, int64_t, Team&);

}  // namespace fastlm::cpu
