// Dropout on a GPU: one pass, the mask computed on the way (core/dropout.h is the rule).
#pragma once

#include "stream.h"

namespace fastlm::cuda {

enum class Number { kFloat, kDouble, kHalf, kBFloat16 };

// output[i] = input[i] * rule(i) for i in [0, count), on arrays of that number type on the current device. The seed is
// read there when the kernel runs, so that a captured graph draws anew when the seed has changed.
void dropout(Number type, const int64_t* seed, double p, const void* input, void* output, int64_t count, Stream stream);

}  // namespace fastlm::cuda
