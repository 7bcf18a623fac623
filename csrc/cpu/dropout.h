// Dropout on the CPU: one pass, the mask computed on the way (core/dropout.h is the rule).
#pragma once

#include "../core/dropout.h"
#include "team.h"

namespace fastlm::cpu {

// output[i] = input[i] * rule(i) for i in [0, count). T: float, double, Half or BFloat16.
template <class T>
void dropout(const DropoutRule& rule, const T* input, T* output, int64_t count, Team& team);

}  // namespace fastlm::cpu
