// The words of CUDA that fastlm's kernels and launchers use, spoken by the executor. Takes the place of NVIDIA's header
// when g++ compiles csrc/cuda for a CPU; a kernel or launcher that needs another word does not compile until it is
// here.
#pragma once

#include <map>

#include "../executor.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

using dim3 = simt::Extent;

// CUDA's names of what a thread may ask; the scheduler sets them before a thread goes on.
inline const simt::Index &threadIdx = simt::thread_index, &blockIdx = simt::block_index;
inline const simt::Extent &blockDim = simt::block_extent, &gridDim = simt::grid_extent;

inline void __syncthreads(std::source_location where = std::source_location::current()) { simt::barrier(where); }

struct CUstream_st;
using cudaStream_t = CUstream_st*;

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorInvalidConfiguration = 9 };

inline const char* cudaGetErrorName(cudaError_t error) {
  return error == cudaErrorInvalidValue ? "cudaErrorInvalidValue" : "cudaErrorInvalidConfiguration";
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorInvalidValue ? "invalid argument" : "invalid configuration argument";
}
inline cudaError_t cudaGetLastError() { return cudaSuccess; }

enum cudaDeviceAttr { cudaDevAttrMultiProcessorCount, cudaDevAttrMaxSharedMemoryPerBlockOptin };

inline cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const simt::Device& device = simt::settings().device;
  *value = attribute == cudaDevAttrMultiProcessorCount ? device.multiprocessors : int(device.shared_bytes);
  return cudaSuccess;
}

// Kernels that may have more than 48 KiB of shared memory, and how much.
inline std::map<const void*, int64_t>& permitted_shared_bytes() {
  static std::map<const void*, int64_t> permitted;
  return permitted;
}

enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };

inline cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int bytes) {
  if (bytes > simt::settings().device.shared_bytes) return cudaErrorInvalidValue;
  permitted_shared_bytes()[kernel] = bytes;
  return cudaSuccess;
}

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

// Runs the kernel to its end before it returns: streams have nothing to order.
template <class... Parameter, class... Argument>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Parameter...), Argument... arguments) {
  const dim3 &grid = config->gridDim, &block = config->blockDim;
  const auto permitted = permitted_shared_bytes().find(reinterpret_cast<const void*>(kernel));
  const int64_t limit = permitted == permitted_shared_bytes().end() ? 48 * 1024 : permitted->second;
  if (grid.size() == 0 || grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535 || block.size() == 0 ||
      block.size() > 1024)
    return cudaErrorInvalidConfiguration;
  if (int64_t(config->dynamicSmemBytes) > limit) return cudaErrorInvalidValue;
  simt::run([=] { kernel(arguments...); }, grid, block, int64_t(config->dynamicSmemBytes));
  return cudaSuccess;
}
