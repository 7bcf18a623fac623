// Philox4x32-10: four random words as a pure function of a counter and a key.
//
// Salmon, Moraes, Dror & Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3". Word is uint32_t, or a SIMD vector
// of them (csrc/cpu/simd_philox.h adds its WideProduct): the same bits on every path.
#pragma once

#include <cstdint>

#include "host_device.h"

namespace fastlm {

// The two halves of a 64-bit product of 32-bit words.
template <class Word>
struct WideProduct {
  Word high, low;
  FASTLM_HD static WideProduct of(Word a, uint32_t b) {
    const uint64_t product = uint64_t(a) * b;
    return {Word(product >> 32), Word(product)};
  }
};

template <class Word>
struct PhiloxWords {
  Word v[4];
};

// Several counters abreast: a round is a chain of latencies, which independent counters hide.
template <class Word, int N>
FASTLM_HD void philox4x32(PhiloxWords<Word> (&counters)[N], uint64_t key) {
  uint32_t key_low = uint32_t(key), key_high = uint32_t(key >> 32);
  FASTLM_UNROLL
  for (int round = 0; round < 10; round++) {
    FASTLM_UNROLL
    for (int n = 0; n < N; n++) {
      auto& c = counters[n].v;
      const auto first = WideProduct<Word>::of(c[0], 0xD2511F53u), second = WideProduct<Word>::of(c[2], 0xCD9E8D57u);
      c[0] = second.high ^ c[1] ^ Word(key_low);
      c[2] = first.high ^ c[3] ^ Word(key_high);
      c[1] = second.low;
      c[3] = first.low;
    }
    key_low += 0x9E3779B9u;
    key_high += 0xBB67AE85u;
  }
}

}  // namespace fastlm
