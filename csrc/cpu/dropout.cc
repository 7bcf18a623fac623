#include "dropout.h"

#include <type_traits>

#include "../core/half.h"
#include "simd_philox.h"

namespace fastlm::cpu {
namespace {

using Counters = Vec<uint64_t>;
constexpr int kLane = kLanes<uint64_t>;
constexpr int kStreams =
    6;  // vectors of counters at a time: a round of Philox is a chain of latencies, so run some abreast
constexpr int64_t kQuads = kStreams * kLane, kBlock = 4 * kQuads;

// The random words of elements kBlock * block ... in logical order.
void block_words(const DropoutRule& rule, int64_t block, uint32_t* words) {
  PhiloxWords<Counters> stream[kStreams];
  for (int s = 0; s < kStreams; s++) {
    const Counters quad([&](int lane) { return uint64_t(block * kQuads + s * kLane + lane); });
    stream[s] = {{quad, quad >> 32, Counters(0u), Counters(0u)}};
  }
  philox4x32(stream, rule.seed);
  for (int s = 0; s < kStreams; s++) store_words(stream[s], words + 4 * s * kLane);
}

template <class T>
void scale(DropoutRule rule, const uint32_t* words, const T* input, T* output, int64_t count) {
  using Compute = std::conditional_t<std::is_same_v<T, double>, double, float>;
  for (int64_t i = 0; i < count; i++) output[i] = T(Compute(input[i]) * Compute(rule.factor(words[i])));
}

}  // namespace

template <class T>
void dropout(const DropoutRule& rule, const T* input, T* output, int64_t count, Team& team) {
  constexpr int64_t kBlocksWorthAThread = 32768 / kBlock;
  team.for_slices((count + kBlock - 1) / kBlock, kBlocksWorthAThread, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      alignas(64) uint32_t words[kBlock];
      block_words(rule, block, words);
      const int64_t first = block * kBlock;
      if (first + kBlock <= count)
        scale(rule, words, input + first, output + first, kBlock);  // a constant count: the loop is unrolled
      else
        scale(rule, words, input + first, output + first, count - first);
    }
  });
}

template void dropout(const DropoutRule&, const float*, float*, int64_t, Team&);
template void dropout(const DropoutRule&, const double*, double*, int64_t, Team&);
template void dropout(const DropoutRule&, const Half*, Half*, int64_t, Team&);
template void dropout(const DropoutRule&, const BFloat16*, BFloat16*, int64_t, Team&);

}  // namespace fastlm::cpu
