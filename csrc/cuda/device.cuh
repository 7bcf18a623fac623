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

// A launch, and what its kernel must be allowed for it.
template <class... Parameter>
class Launch {
 public:
  Launch(const char* name, void (*kernel)(Parameter...), const LaunchShape& shape, cudaStream_t stream)
      : name_(name), kernel_(kernel), shape_(shape) {
    if (shape.shared_bytes > kDefaultSharedBytes)
      allow(cudaFuncAttributeMaxDynamicSharedMemorySize, int(shape.shared_bytes));
    if (shape.cluster > kPortableCluster) allow(cudaFuncAttributeNonPortableClusterSizeAllowed, 1);
    if (shape.cluster > 1) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeClusterDimension;
      attributes_[config_.numAttrs++].val.clusterDim = {1, unsigned(shape.cluster), 1};
    }
    if (shape.cooperative) {
      attributes_[config_.numAttrs].id = cudaLaunchAttributeCooperative;
      attributes_[config_.numAttrs++].val.cooperative = 1;
    }
    config_.attrs = attributes_;
    config_.gridDim = shape.grid;
    config_.blockDim = shape.block;
    config_.dynamicSmemBytes = size_t(shape.shared_bytes);
    config_.stream = stream;
  }
  Launch(const Launch&) = delete;

  // Whether the blocks that must run together can: of a cluster, of a cooperative grid.
  bool fits() const {
    int count = 0, device = 0, multiprocessors = 0;
    if (shape_.cluster > 1) {
      const cudaError_t error = cudaOccupancyMaxActiveClusters(&count, kernel_, &config_);
      if (error != cudaSuccess) cudaGetLastError();
      return error == cudaSuccess && count > 0;
    }
    if (!shape_.cooperative) return true;
    check(cudaGetDevice(&device), name_);
    check(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device), name_);
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&count, kernel_, int(shape_.block.x), config_.dynamicSmemBytes),
          name_);
    return int64_t(shape_.grid.x) * shape_.grid.y <= int64_t(count) * multiprocessors;
  }

  template <class... Argument>
  void run(const Argument&... arguments) const {
    if (const cudaError_t error = cudaLaunchKernelEx(&config_, kernel_, static_cast<Parameter>(arguments)...))
      check(error, describe(name_, shape_));
  }

 private:
  void allow(cudaFuncAttribute attribute, int value) const {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel_), attribute, value), describe(name_, shape_));
  }

  const char* const name_;
  void (*const kernel_)(Parameter...);
  const LaunchShape shape_;
  cudaLaunchAttribute attributes_[2];
  cudaLaunchConfig_t config_{};
};

template <class... Parameter, class... Argument>
void launch(const char* name, void (*kernel)(Parameter...), const LaunchShape& shape, cudaStream_t stream,
            const Argument&... arguments) {
  Launch<Parameter...>(name, kernel, shape, stream).run(arguments...);
}

}  // namespace fastlm::cuda
