// csrc/cuda/occupancy.h beside NVIDIA's cuda_occupancy.h, on every device of the table and a grid of kernels.
//
// Compiled and run by tests/cuda/test_occupancy.py, where there is a CUDA toolkit.
#include <cuda_occupancy.h>
#include <driver_types.h>

#include <cstdio>

#include "cuda/occupancy.h"

namespace fastlm::cuda {
namespace {

static_assert(attribute::kMultiprocessors == int(cudaDevAttrMultiProcessorCount));
static_assert(attribute::kThreads == int(cudaDevAttrMaxThreadsPerMultiProcessor));
static_assert(attribute::kMajor == int(cudaDevAttrComputeCapabilityMajor));
static_assert(attribute::kMinor == int(cudaDevAttrComputeCapabilityMinor));
static_assert(attribute::kSharedOfSm == int(cudaDevAttrMaxSharedMemoryPerMultiprocessor));
static_assert(attribute::kRegisters == int(cudaDevAttrMaxRegistersPerMultiprocessor));
static_assert(attribute::kSharedOfBlock == int(cudaDevAttrMaxSharedMemoryPerBlockOptin));
static_assert(attribute::kBlocks == int(cudaDevAttrMaxBlocksPerMultiprocessor));
static_assert(attribute::kSharedReserved == int(cudaDevAttrReservedSharedMemoryPerBlock));

// What is well known, at compile time.
constexpr const SmLimits &kA100 = kDevices[0].limits, &kH100 = kDevices[1].limits;
static_assert(blocks_per_sm(kA100, {256, 32, 0}) == 8 && blocks_per_sm(kA100, {256, 64, 0}) == 4);
static_assert(blocks_per_sm(kH100, {512, 128, 227 << 10}) == 1 && blocks_per_sm(kH100, {512, 128, 228 << 10}) == 0);
static_assert(resident_blocks(kH100, {512, 64, 0}) == 264);
static_assert(cluster_fits(kH100, {512, 128, 200 << 10}, 16) && !cluster_fits(kH100, {512, 128, 0}, 32));
static_assert(!cluster_fits(kA100, {512, 128, 0}, 2));
static_assert(ask_limits([](int what) { return what == attribute::kMajor ? 9 : 0; }).capability == 90);

int nvidias(const SmLimits& limits, const BlockUse& use) {
  cudaOccDeviceProp device{};
  device.computeMajor = limits.capability / 10;
  device.computeMinor = limits.capability % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = limits.threads;
  device.regsPerBlock = device.regsPerMultiprocessor = limits.registers;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 << 10;
  device.sharedMemPerMultiprocessor = size_t(limits.shared_of_sm);
  device.numSms = limits.multiprocessors;
  device.sharedMemPerBlockOptin = size_t(limits.shared_of_block);
  device.reservedSharedMemPerBlock = size_t(limits.shared_reserved);
  cudaOccFuncAttributes kernel{};
  kernel.maxThreadsPerBlock = 1024;
  kernel.numRegs = use.registers;
  kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  kernel.maxDynamicSharedSizeBytes = size_t(limits.shared_of_block);
  kernel.numBlockBarriers = 1;
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, use.threads, size_t(use.shared_bytes)))
    return -1;
  return result.activeBlocksPerMultiprocessor;
}

int run() {
  int64_t cases = 0;
  for (const Device& device : kDevices)
    for (int threads = 1; threads <= 1056; threads += threads < 64 ? 1 : 31)
      for (int registers = 1; registers <= 255; registers++)
        for (int64_t shared = 0; shared <= 256 << 10; shared += shared < 2048 ? 127 : 4093) {
          const BlockUse use{threads, registers, shared};
          const int ours = blocks_per_sm(device.limits, use), theirs = nvidias(device.limits, use);
          cases++;
          if (ours == theirs) continue;
          std::printf("%s, %d threads, %d registers, %lld bytes: %d, NVIDIA's %d\n", device.name, threads, registers,
                      static_cast<long long>(shared), ours, theirs);
          return 1;
        }
  std::printf("%lld cases agree\n", static_cast<long long>(cases));
  return 0;
}

}  // namespace
}  // namespace fastlm::cuda

int main() { return fastlm::cuda::run(); }
