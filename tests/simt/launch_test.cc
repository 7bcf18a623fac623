// What a launch must keep to, and what the executor says of its device.
#include <cooperative_groups.h>

#include <string>
#include <vector>

#include "cuda/device.cuh"
#include "cuda/ptx.cuh"
#include "cuda/stream.h"
#include "simt_test.h"

namespace simt {
namespace {

using Launches = SimtTest;

void nothing_kernel(int) {}

TEST_F(Launches, LaunchesMustFitTheDevice) {
  using fastlm::cuda::launch;
  const auto error_of = [](const fastlm::cuda::LaunchShape& shape) -> std::string {
    try {
      launch("nothing", nothing_kernel, shape, nullptr, 1);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(error_of({dim3(3, 2), dim3(32), 200000}), "none");
  EXPECT_EQ(error_of({dim3(3, 2), dim3(32), 300000}),
            "fastlm: could not launch nothing with grid 3 x 2, block 32, 300000 bytes of shared memory: invalid "
            "argument (cudaErrorInvalidValue)");
  EXPECT_NE(error_of({dim3(1), dim3(1025)}).find("cudaErrorInvalidConfiguration"), std::string::npos);
  EXPECT_NE(error_of({dim3(0), dim3(32)}).find("cudaErrorInvalidConfiguration"), std::string::npos);
  EXPECT_NE(error_of({dim3(1, 65536), dim3(32)}).find("cudaErrorInvalidConfiguration"), std::string::npos);
  // without asking for more than 48 KiB
  cudaLaunchConfig_t config;
  config.dynamicSmemBytes = 49153;
  EXPECT_EQ(cudaLaunchKernelEx(&config, +[] {}), cudaErrorInvalidValue);
}

// Launches of a kernel of its own with attributes, as a launcher writes them.
struct Launcher {
  cudaLaunchAttribute attributes[2] = {};
  cudaLaunchConfig_t config;

  Launcher(dim3 grid, dim3 block, dim3 cluster, bool cooperative) {
    attributes[0].id = cudaLaunchAttributeClusterDimension;
    attributes[0].val.clusterDim = {cluster.x, cluster.y, cluster.z};
    attributes[1].id = cudaLaunchAttributeCooperative;
    attributes[1].val.cooperative = cooperative;
    config.gridDim = grid, config.blockDim = block;
    config.attrs = attributes, config.numAttrs = 2;
  }
  template <class... Parameter, class... Argument>
  cudaError_t operator()(void (*kernel)(Parameter...), Argument... arguments) {
    return cudaLaunchKernelEx(&config, kernel, arguments...);
  }
};

void ranks_kernel(int* ranks) {
  if (threadIdx.x == 0) ranks[blockIdx.x] = int(fastlm::cuda::ptx::cluster_rank());
}
void grid_kernel(int* count) {
  atomicAdd(count, 1);
  cooperative_groups::this_grid().sync();
}
void other_kernel(int*) {}

TEST_F(Launches, Clusters) {
  std::vector<int> ranks(12);
  EXPECT_EQ(Launcher(12, 32, 4, false)(ranks_kernel, ranks.data()), cudaSuccess);
  for (int i = 0; i < 12; i++) EXPECT_EQ(ranks[i], i % 4);
  EXPECT_EQ(Launcher(10, 32, 4, false)(ranks_kernel, ranks.data()), cudaErrorInvalidClusterSize) << "does not divide";
  EXPECT_EQ(Launcher(8, 32, dim3(4, 2), false)(ranks_kernel, ranks.data()), cudaErrorInvalidClusterSize);
  EXPECT_EQ(Launcher(8, 32, 0, false)(ranks_kernel, ranks.data()), cudaErrorInvalidClusterSize);
}

TEST_F(Launches, ClustersOfMoreThanEightMustBeAskedFor) {
  std::vector<int> ranks(32);
  EXPECT_EQ(Launcher(32, 32, 16, false)(ranks_kernel, ranks.data()), cudaErrorInvalidClusterSize);
  EXPECT_EQ(cudaFuncSetAttribute(ranks_kernel, cudaFuncAttributeNonPortableClusterSizeAllowed, 1), cudaSuccess);
  EXPECT_EQ(Launcher(32, 32, 16, false)(ranks_kernel, ranks.data()), cudaSuccess);
  for (int i = 0; i < 32; i++) EXPECT_EQ(ranks[i], i % 16);
  EXPECT_EQ(Launcher(32, 32, 32, false)(ranks_kernel, ranks.data()), cudaErrorInvalidClusterSize);
  EXPECT_EQ(Launcher(32, 32, 16, false)(other_kernel, ranks.data()), cudaErrorInvalidClusterSize) << "another kernel";
}

TEST_F(Launches, OldDevicesHaveNoClusters) {
  settings().device.major = 8;
  int ranks[2];
  EXPECT_EQ(Launcher(2, 32, 2, false)(ranks_kernel, &ranks[0]), cudaErrorNotSupported);
  EXPECT_EQ(Launcher(2, 32, 1, false)(ranks_kernel, &ranks[0]), cudaSuccess);
  EXPECT_HAS(fault_of([] { fastlm::cuda::ptx::cluster_arrive(); }, 1, 1), "clusters need compute capability 9.0");
}

TEST_F(Launches, CooperativeGridsMustBeResident) {
  settings().device.multiprocessors = 2;
  const auto error_of = [](unsigned blocks, unsigned threads, size_t shared_bytes) {
    int count = 0;
    Launcher launcher(blocks, threads, 1, true);
    launcher.config.dynamicSmemBytes = shared_bytes;
    const cudaError_t error = launcher(grid_kernel, &count);
    EXPECT_EQ(count, error ? 0 : int(blocks * threads));
    return error;
  };
  EXPECT_EQ(error_of(4, 1024, 0), cudaSuccess);
  EXPECT_EQ(error_of(5, 1024, 0), cudaErrorCooperativeLaunchTooLarge);
  EXPECT_EQ(error_of(64, 32, 0), cudaSuccess) << "32 blocks on each";
  EXPECT_EQ(error_of(65, 32, 0), cudaErrorCooperativeLaunchTooLarge);
  EXPECT_EQ(error_of(8, 32, 48 * 1024), cudaSuccess);
  EXPECT_EQ(error_of(9, 32, 48 * 1024), cudaErrorCooperativeLaunchTooLarge);
  int count = 0;
  EXPECT_EQ(Launcher(4, 32, 2, true)(grid_kernel, &count), cudaSuccess) << "clusters in a cooperative grid";
}

TEST_F(Launches, Occupancy) {
  const auto blocks = [](int threads, size_t shared_bytes) {
    int number = -1;
    EXPECT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&number, other_kernel, threads, shared_bytes), cudaSuccess);
    return number;
  };
  EXPECT_EQ(blocks(32, 0), 32);
  EXPECT_EQ(blocks(512, 0), 4);
  EXPECT_EQ(blocks(33, 0), 32);
  EXPECT_EQ(blocks(100, 0), 16) << "warps are whole";
  EXPECT_EQ(blocks(32, 48 * 1024), 4);
  EXPECT_EQ(blocks(32, 100 * 1024), 0) << "not asked for";
  EXPECT_EQ(cudaFuncSetAttribute(other_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 232448), cudaSuccess);
  EXPECT_EQ(blocks(32, 100 * 1024), 2);
  EXPECT_EQ(blocks(32, 232448), 1);
  Launcher launcher(16, 1024, 8, false);
  int clusters = -1;
  EXPECT_EQ(cudaOccupancyMaxActiveClusters(&clusters, other_kernel, &launcher.config), cudaSuccess);
  EXPECT_EQ(clusters, 2 * 132 / 8);
  launcher.config.dynamicSmemBytes = 200000;
  EXPECT_EQ(cudaOccupancyMaxActiveClusters(&clusters, other_kernel, &launcher.config), cudaSuccess);
  EXPECT_EQ(clusters, 132 / 8);
}

TEST_F(Launches, AnswersForTheDevice) {
  settings().device = {7, 99999};
  EXPECT_EQ(fastlm::cuda::device_limits().multiprocessors, 7);
  EXPECT_EQ(fastlm::cuda::device_limits().shared_bytes, 99999);
  const auto answer = [](cudaDeviceAttr attribute) {
    int value = -1;
    EXPECT_EQ(cudaDeviceGetAttribute(&value, attribute, 0), cudaSuccess);
    return value;
  };
  settings().device.major = 8, settings().device.minor = 6;
  EXPECT_EQ(answer(cudaDevAttrComputeCapabilityMajor) * 10 + answer(cudaDevAttrComputeCapabilityMinor), 86);
  EXPECT_EQ(answer(cudaDevAttrCooperativeLaunch), 1);
  EXPECT_EQ(answer(cudaDevAttrClusterLaunch), 0);
  EXPECT_EQ(answer(cudaDevAttrMaxThreadsPerMultiProcessor), 2048);
}

TEST_F(Launches, Memset) {
  unsigned counters[3] = {1, 2, 3};
  EXPECT_EQ(cudaMemsetAsync(counters, 0, 8, nullptr), cudaSuccess);
  EXPECT_EQ(counters[0] + counters[1], 0u);
  EXPECT_EQ(counters[2], 3u);
}

}  // namespace
}  // namespace simt
