// Vectors of numbers: std::experimental::simd, as wide as the instruction set that this file is compiled for.
#pragma once

#include <cstdint>
#include <experimental/simd>

#include "../core/philox.h"

namespace fastlm::cpu {

namespace stdx = std::experimental;

template <class T>
using Vec = stdx::native_simd<T>;

template <class T>
inline constexpr int kLanes = int(Vec<T>::size());

template <class T>
inline Vec<T> load(const T* p) {
  return Vec<T>(p, stdx::element_aligned);
}

template <class T>
inline void store(T* p, Vec<T> v) {
  v.copy_to(p, stdx::element_aligned);
}

// a * b + c, one instruction where there is one. (stdx::fma is a call that GCC does not inline, or libm's.)
template <class V>
[[gnu::always_inline]] inline V multiply_add(V a, V b, V c) {
  return a * b + c;
}

template <class T>
inline typename Vec<T>::mask_type first_lanes(int count) {
  return Vec<T>([](int lane) { return T(lane); }) < T(count);
}

// The first `count` lanes only; the others read as 0 and are not written. Any count is allowed.
template <class T>
inline Vec<T> load_first(const T* p, int count) {
  if (count >= kLanes<T>) return load(p);
  Vec<T> v(0);
  where(first_lanes<T>(count), v).copy_from(p, stdx::element_aligned);
  return v;
}

template <class T>
inline void store_first(T* p, Vec<T> v, int count) {
  if (count >= kLanes<T>)
    store(p, v);
  else
    where(first_lanes<T>(count), v).copy_to(p, stdx::element_aligned);
}

}  // namespace fastlm::cpu
