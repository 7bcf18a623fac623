// CUDA's 16-bit floating type as the compiler's own: the same bits, rounded to nearest even.
#pragma once

struct __half {
  _Float16 number;
  __half() = default;
  __half(float value) : number(_Float16(value)) {}
  operator float() const { return float(number); }
};
