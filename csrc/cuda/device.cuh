// What every kernel and launcher uses of CUDA: shared arrays, wide loads, launches that explain themselves.
//
// tests/simt/cuda has a cuda_runtime.h of the same words, with which g++ compiles these files to run on the CPU.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>

namespace fastlm::cuda {

inline constexpr int kWarp = 32;
inline constexpr int64_t kDefaultSharedBytes = 48 * 1024;  // what a kernel may have without asking

// N numbers that are loaded and stored in as few instructions as may be: up to 16 bytes each.
template <class T, int N>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Wide {
  T v[N];
};

template <int N, class T>
__device__ __forceinline__ Wide<T, N> load_wide(const T* from) {
  return *reinterpret_cast<const Wide<T, N>*>(from);
}

template <class T, int N>
__device__ __forceinline__ void store_wide(T* to, const Wide<T, N>& numbers) {
  *reinterpret_cast<Wide<T, N>*>(to) = numbers;
}

constexpr int64_t round_up(int64_t number, int64_t multiple) { return (number + multiple - 1) / multiple * multiple; }
constexpr int64_t divide_up(int64_t number, int64_t by) { return (number + by - 1) / by; }

// The arrays of a kernel in its dynamic shared memory, one after the other, each on a multiple of 16 bytes. All threads
// of a block take the same ones in the same order; the host counts the bytes of a launch with the same class.
class SharedArrays {
 public:
  template <class T>
  __device__ __forceinline__ T* take(int64_t count) {
    const int64_t at = bytes_;
    reserve<T>(count);
#ifdef __CUDACC__
    extern __shared__ uint4 memory[];
    return reinterpret_cast<T*>(reinterpret_cast<char*>(memory) + at);
#else
    return static_cast<T*>(simt::shared_array(at, count * sizeof(T)));
#endif
  }
  template <class T>
  __host__ __device__ __forceinline__ void reserve(int64_t count) {
    bytes_ += (count * int64_t(sizeof(T)) + 15) / 16 * 16;
  }
  __host__ __device__ __forceinline__ int64_t bytes() const { return bytes_; }

 private:
  int64_t bytes_ = 0;
};

inline void check(cudaError_t error, const std::string& what) {
  if (error == cudaSuccess) return;
  cudaGetLastError();  // an error that we report is not to be met again by who calls CUDA next
  throw std::runtime_error("fastlm: " + what + ": " + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) + ")");
}

inline constexpr int kPortableCluster = 8;  // blocks of a cluster that any GPU with clusters runs

struct LaunchShape {
  dim3 grid, block;
  int64_t shared_bytes = 0;
  int cluster = 1;           // blocks of a cluster: neighbours in the grid's second dimension
  bool cooperative = false;  // all blocks run together, or the launch fails
};

inline std::string describe(const char* name, const LaunchShape& shape) {
  std::ostringstream text;
  text << "could not launch " << name << " with grid " << shape.grid.x << " x " << shape.grid.y << ", block "
       << shape.block.x << ", " << shape.shared_bytes << " bytes of shared memory";
  if (shape.cluster > 1) text << ", clusters of " << shape.cluster;
  if (shape.cooperative) text << ", cooperative";
  return text.str();
}

template <class... Parameter, class... Argument>
void launch(const char* name, void (*kernel)(Parameter...), const LaunchShape& shape, cudaStream_t stream,
            const Argument&... arguments) {
  if (shape.shared_bytes > kDefaultSharedBytes)
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               int(shape.shared_bytes)),
          describe(name, shape));
  if (shape.cluster > kPortableCluster)
    check(
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeNonPortableClusterSizeAllowed, 1),
        describe(name, shape));
  cudaLaunchAttribute attributes[2];
  unsigned count = 0;
  if (shape.cluster > 1) {
    attributes[count].id = cudaLaunchAttributeClusterDimension;
    attributes[count++].val.clusterDim = {1, unsigned(shape.cluster), 1};
  }
  if (shape.cooperative) {
    attributes[count].id = cudaLaunchAttributeCooperative;
    attributes[count++].val.cooperative = 1;
  }
  cudaLaunchConfig_t config{};
  config.attrs = attributes, config.numAttrs = count;
  config.gridDim = shape.grid;
  config.blockDim = shape.block;
  config.dynamicSmemBytes = size_t(shape.shared_bytes);
  config.stream = stream;
  if (const cudaError_t error = cudaLaunchKernelEx(&config, kernel, static_cast<Parameter>(arguments)...))
    check(error, describe(name, shape));
}

}  // namespace fastlm::cuda
