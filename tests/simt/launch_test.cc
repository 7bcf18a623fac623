// What a launch must keep to, and what the executor says of its device.
#include <gtest/gtest.h>

#include <string>

#include "cuda/device.cuh"
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

TEST_F(Launches, AnswersForTheDevice) {
  settings().device = {7, 99999};
  EXPECT_EQ(fastlm::cuda::device_limits().multiprocessors, 7);
  EXPECT_EQ(fastlm::cuda::device_limits().shared_bytes, 99999);
}

}  // namespace
}  // namespace simt
