// CUDA's bfloat16 as core's.
#pragma once

#include "core/half.h"

struct __nv_bfloat16 {
  fastlm::BFloat16 number;
  __nv_bfloat16() = default;
  __nv_bfloat16(float value) : number(value) {}
  operator float() const { return float(number); }
};
