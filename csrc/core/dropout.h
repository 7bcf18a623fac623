// The dropout rule: which elements stay is a pure function of (seed, logical index).
//
// Element i of a tensor, in row-major order, looks at word i % 4 of Philox(counter = i / 4, key = seed), whatever the
// tiling, the thread or the device. So the mask is never stored: backward computes it again.
// Srivastava et al. (2014), "Dropout: a simple way to prevent neural networks from overfitting".
#pragma once

#include <cstdint>

#include "philox.h"

namespace fastlm {

struct DropoutRule {
  uint64_t seed;
  uint32_t threshold;  // words below it drop their element
  float scale;         // of the elements that stay: 1 / (1 - p)

  DropoutRule(uint64_t seed, double p)
      : seed(seed),
        threshold(p < 1 ? uint32_t(p * 4294967296.0) : 0xFFFFFFFFu),
        scale(p < 1 ? float(1 / (1 - p)) : 0.0f) {}

  // What an element is multiplied by. Dropped ones are multiplied by 0, not set to it, so that NaN stays NaN, as in
  // torch.
  FASTLM_HD float factor(uint32_t word) const { return word < threshold ? 0.0f : scale; }

  // The random words of elements 4 * quad ... 4 * quad + 3.
  FASTLM_HD PhiloxWords<uint32_t> words(uint64_t quad) const {
    PhiloxWords<uint32_t> counter[1] = {{{uint32_t(quad), uint32_t(quad >> 32), 0u, 0u}}};
    philox4x32(counter, seed);
    return counter[0];
  }
};

}  // namespace fastlm
