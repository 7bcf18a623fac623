// The limits of the current device.
#include "device.cuh"
#include "stream.h"

namespace fastlm::cuda {

DeviceLimits device_limits() {
  int device = 0, multiprocessors = 0, shared_bytes = 0, major = 0, cooperative = 0;
  const char* what = "could not ask the GPU for its limits";
  check(cudaGetDevice(&device), what);
  check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device), what);
  check(cudaDeviceGetAttribute(&shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), what);
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), what);
  check(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, device), what);
  return {multiprocessors, shared_bytes, major, cooperative != 0};
}

}  // namespace fastlm::cuda
