// CUDA's 16-bit number types, for callers that must know their size, and what numbers are computed in.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

namespace fastlm::cuda {

// float for the 16-bit types.
template <class T>
using Computed = std::conditional_t<std::is_same_v<T, double>, double, float>;

}  // namespace fastlm::cuda
