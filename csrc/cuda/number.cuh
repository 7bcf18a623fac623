// The numbers of tensors as the ones that kernels compute with.
#pragma once

#include "device.cuh"
#include "half_types.h"

namespace fastlm::cuda {

template <class T>
__device__ __forceinline__ Computed<T> computed(T number) {
  return Computed<T>(number);
}

}  // namespace fastlm::cuda
