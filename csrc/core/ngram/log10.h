// The logarithm of a probability, to the last bit of a float, in a few cycles.
//
// Tang (1990), "Table-driven implementation of the logarithm function": log m = log c + log(1 + (m - c) / c), c near m.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace fastlm::ngram {

namespace log10_detail {

inline constexpr int kBits = 7;  // of the mantissa that choose c
inline constexpr double kLog10Of2 = 0.30102999566398119521, kLog10OfE = 0.43429448190325182765;

struct Centre {
  double inverse, log10;
};

// c is 1 for mantissas near 1 from above and 2 for those near it from below, so that nothing is lost near log10 1 = 0.
inline const std::array<Centre, 1 << kBits> kCentres = [] {
  constexpr int n = 1 << kBits;
  std::array<Centre, n> centres{};
  for (int i = 0; i < n; i++) {
    const double c = i == 0 ? 1 : i == n - 1 ? 2 : 1 + (i + 0.5) / n;
    centres[i] = {1 / c, std::log10(c)};
  }
  centres[n - 1].log10 = kLog10Of2;
  return centres;
}();

}  // namespace log10_detail

// Of 0: -infinity. Of denormal numbers, as of 0 or more alone, it is exact too.
inline float fast_log10(float p) {
  using namespace log10_detail;
  uint32_t bits = std::bit_cast<uint32_t>(p);
  int exponent = int(bits >> 23) - 127;
  if (exponent == -127) [[unlikely]] {
    if (p == 0) return -std::numeric_limits<float>::infinity();
    bits = std::bit_cast<uint32_t>(p * 0x1p32f);
    exponent = int(bits >> 23) - 127 - 32;
  }
  const Centre& centre = kCentres[bits >> (23 - kBits) & ((1 << kBits) - 1)];
  const double m = std::bit_cast<float>((bits & 0x007FFFFF) | 0x3F800000);
  const double r = m * centre.inverse - 1;  // below 2^-7
  const double series = r * (1 + r * (-1.0 / 2 + r * (1.0 / 3 + r * (-1.0 / 4 + r * (1.0 / 5)))));
  return float(exponent * kLog10Of2 + centre.log10 + kLog10OfE * series);
}

}  // namespace fastlm::ngram
