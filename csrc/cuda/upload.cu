// Uploads numbers as kernel arguments, of which 4 KiB may go with a launch.
#include <algorithm>

#include "device.cuh"
#include "upload.h"

namespace fastlm::cuda {
namespace {

constexpr int kUploadThreads = 128, kNumbers = 480;

struct Numbers {
  int64_t v[kNumbers];
};

// __grid_constant__: the numbers are read where the launch put them.
__global__ void __launch_bounds__(kUploadThreads)
    upload_kernel(const __grid_constant__ Numbers numbers, int64_t* to, int count) {
  for (int i = threadIdx.x; i < count; i += kUploadThreads) to[i] = numbers.v[i];
}

}  // namespace

void upload(const int64_t* from, int64_t count, int64_t* to, Stream stream) {
  for (int64_t first = 0; first < count; first += kNumbers) {
    const int here = int(std::min<int64_t>(kNumbers, count - first));
    Numbers numbers;
    std::copy_n(from + first, here, numbers.v);
    launch("upload", upload_kernel, {dim3(1), dim3(kUploadThreads)}, stream, numbers, to + first, here);
  }
}

}  // namespace fastlm::cuda
