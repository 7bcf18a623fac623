// The numbers of tensors, and the ones that kernels compute with.
#pragma once

#include <type_traits>

#include "device.cuh"
#include "half_types.h"

namespace fastlm::cuda {

// float for the 16-bit types.
template <class T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

template <class T>
__device__ __forceinline__ Computed<T> computed(T number) {
  return Computed<T>(number);
}

}  // namespace fastlm::cuda
