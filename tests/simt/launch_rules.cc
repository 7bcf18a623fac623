// What a launch must keep to, and the errors that CUDA gives otherwise.
#include <algorithm>
#include <map>

#include "cuda/launch.h"

namespace simt {
namespace {

constexpr int64_t kReservedBytes = 1024;  // of shared memory, for each block
constexpr uint64_t kPortableCluster = 8, kLargestCluster = 16;

struct Kernel {  // what was asked for it
  int64_t shared_bytes = 48 * 1024;
  bool non_portable_cluster = false;
};

std::map<const void*, Kernel>& kernels() {
  static std::map<const void*, Kernel> kernels;
  return kernels;
}

// On one multiprocessor.
int64_t resident_blocks(const void* kernel, uint64_t threads, int64_t shared_bytes) {
  const Device& device = settings().device;
  if (threads == 0 || threads > 1024 || shared_bytes > kernels()[kernel].shared_bytes) return 0;
  const int64_t by_threads = device.threads_per_multiprocessor / int64_t((threads + 31) / 32 * 32);
  const int64_t by_memory = (device.shared_bytes + kReservedBytes) / (shared_bytes + kReservedBytes);
  return std::min<int64_t>({by_threads, by_memory, device.blocks_per_multiprocessor});
}

Together together_of(const cudaLaunchConfig_t& config) {
  Together together;
  for (unsigned i = 0; i < config.numAttrs; i++) {
    const cudaLaunchAttribute& attribute = config.attrs[i];
    if (attribute.id == cudaLaunchAttributeCooperative) together.cooperative = attribute.val.cooperative != 0;
    if (attribute.id == cudaLaunchAttributeClusterDimension)
      together.cluster = {attribute.val.clusterDim.x, attribute.val.clusterDim.y, attribute.val.clusterDim.z};
  }
  return together;
}

cudaError_t check_cluster(const void* kernel, const Extent& grid, const Extent& cluster) {
  if (cluster.size() == 0) return cudaErrorInvalidClusterSize;
  if (cluster.size() == 1) return cudaSuccess;
  if (settings().device.major < 9) return cudaErrorNotSupported;
  const bool divides = grid.x % cluster.x == 0 && grid.y % cluster.y == 0 && grid.z % cluster.z == 0;
  const uint64_t largest = kernels()[kernel].non_portable_cluster ? kLargestCluster : kPortableCluster;
  return divides && cluster.size() <= largest ? cudaSuccess : cudaErrorInvalidClusterSize;
}

}  // namespace

cudaError_t check_launch(const void* kernel, const cudaLaunchConfig_t& config, Together* together) {
  const Extent &grid = config.gridDim, &block = config.blockDim;
  const auto shared_bytes = int64_t(config.dynamicSmemBytes);
  if (grid.size() == 0 || grid.x > 0x7FFFFFFFu || grid.y > 65535 || grid.z > 65535 || block.size() == 0 ||
      block.size() > 1024 || block.z > 64)
    return cudaErrorInvalidConfiguration;
  if (shared_bytes > kernels()[kernel].shared_bytes) return cudaErrorInvalidValue;
  *together = together_of(config);
  if (const cudaError_t error = check_cluster(kernel, grid, together->cluster)) return error;
  const uint64_t resident = settings().device.multiprocessors * resident_blocks(kernel, block.size(), shared_bytes) /
                            together->cluster.size() * together->cluster.size();
  if (together->cooperative && grid.size() > resident) return cudaErrorCooperativeLaunchTooLarge;
  if (together->cluster.size() > resident) return cudaErrorLaunchOutOfResources;
  return cudaSuccess;
}

}  // namespace simt

using simt::kernels;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorLaunchOutOfResources:
      return "cudaErrorLaunchOutOfResources";
    case cudaErrorCooperativeLaunchTooLarge:
      return "cudaErrorCooperativeLaunchTooLarge";
    case cudaErrorNotSupported:
      return "cudaErrorNotSupported";
    case cudaErrorInvalidClusterSize:
      return "cudaErrorInvalidClusterSize";
  }
  return "unrecognized error code";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorLaunchOutOfResources:
      return "too many resources requested for launch";
    case cudaErrorCooperativeLaunchTooLarge:
      return "too many blocks in cooperative launch";
    case cudaErrorNotSupported:
      return "operation not supported";
    case cudaErrorInvalidClusterSize:
      return "cluster misconfiguration";
  }
  return "unrecognized error code";
}

cudaError_t cudaGetDevice(int* device) {
  *device = 0;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const simt::Device& device = simt::settings().device;
  switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = device.multiprocessors;
      return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = device.threads_per_multiprocessor;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = device.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = device.minor;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = int(device.shared_bytes + simt::kReservedBytes);
      return cudaSuccess;
    case cudaDevAttrCooperativeLaunch:
      *value = device.major >= 6;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = int(device.shared_bytes);
      return cudaSuccess;
    case cudaDevAttrMaxBlocksPerMultiprocessor:
      *value = device.blocks_per_multiprocessor;
      return cudaSuccess;
    case cudaDevAttrClusterLaunch:
      *value = device.major >= 9;
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  switch (attribute) {
    case cudaFuncAttributeMaxDynamicSharedMemorySize:
      if (value < 0 || value > simt::settings().device.shared_bytes) return cudaErrorInvalidValue;
      kernels()[kernel].shared_bytes = value;
      return cudaSuccess;
    case cudaFuncAttributeNonPortableClusterSizeAllowed:
      kernels()[kernel].non_portable_cluster = value != 0;
      return cudaSuccess;
    case cudaFuncAttributePreferredSharedMemoryCarveout:
      return cudaSuccess;
  }
  return cudaErrorInvalidValue;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* kernel, int threads,
                                                          size_t shared_bytes) {
  *blocks = int(simt::resident_blocks(kernel, uint64_t(threads), int64_t(shared_bytes)));
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveClusters(int* clusters, const void* kernel, const cudaLaunchConfig_t* config) {
  const simt::Extent cluster = simt::together_of(*config).cluster;
  if (const cudaError_t error = simt::check_cluster(kernel, cluster, cluster)) return error;
  const int64_t blocks = simt::resident_blocks(kernel, config->blockDim.size(), int64_t(config->dynamicSmemBytes));
  *clusters = int(simt::settings().device.multiprocessors * blocks / int64_t(cluster.size()));
  return cudaSuccess;
}
