// CUDA's stream and the limits of a device, for callers that do not see CUDA's headers.
#pragma once

#include <cstdint>

struct CUstream_st;

namespace fastlm::cuda {

using Stream = CUstream_st*;  // cudaStream_t

struct DeviceLimits {
  int multiprocessors;
  int64_t shared_bytes;     // that one block may have
  int major = 9;            // of the compute capability: clusters from 9 on
  bool cooperative = true;  // grids whose blocks all run together
};

// Of the current device.
DeviceLimits device_limits();

}  // namespace fastlm::cuda
