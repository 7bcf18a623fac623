// The machine's own limits, measured: what a benchmark may be held against.
#pragma once

#include <cstdint>

#include "team.h"

namespace fastlm::cpu {

// Does `repeats` rounds of independent multiply-adds on every thread; returns the floating-point operations done.
int64_t run_fma(int64_t repeats, Team& team);

// Reads a buffer `repeats` times on all threads; returns a sum, so that the reads are not left out.
float run_read(const float* buffer, int64_t count, int64_t repeats, Team& team);

}  // namespace fastlm::cpu
