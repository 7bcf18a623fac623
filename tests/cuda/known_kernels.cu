// Kernels of which one knows what they take and which instructions they hold: the test of cubin.py and sass.py.
#include <cuda_bf16.h>

#include "cuda/ptx.cuh"

using namespace fastlm::cuda;

extern "C" {

__global__ void __launch_bounds__(96) static_kernel(float* x) {
  __shared__ alignas(16) float kept[100];
  kept[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = kept[(threadIdx.x * 7) % 96];
}

__global__ void wide_kernel(const float4* from, float4* to) {
  __shared__ float4 kept[64];
  kept[threadIdx.x] = from[threadIdx.x];
  __syncthreads();
  to[threadIdx.x] = kept[63 - threadIdx.x];
}

__global__ void __launch_bounds__(32) tensor_kernel(float* d, const uint32_t* a) {
  float sums[4] = {};
  a += 6 * threadIdx.x;
  const uint32_t left[4] = {a[0], a[1], a[2], a[3]}, right[2] = {a[4], a[5]};
  ptx::mma(sums, left, right, __nv_bfloat16());
  d[threadIdx.x] = sums[0] + __shfl_xor_sync(~0u, sums[1], 1);
}

__global__ void double_kernel(double* x, double a) { x[threadIdx.x] = x[threadIdx.x] * a + 1.0; }

__global__ void float_kernel(float* x, float a) { x[threadIdx.x] = x[threadIdx.x] * a + 1.0f; }

__global__ void async_kernel(const float4* from, float4* to) {
  __shared__ float4 kept[64];
  ptx::copy_async(kept + threadIdx.x, from + threadIdx.x);
  ptx::commit_async();
  ptx::wait_async<0>();
  to[threadIdx.x] = kept[threadIdx.x];
}

__global__ void grid_kernel(uint32_t* counter, float* x) {
  x[threadIdx.x] = 1.0f;
  ptx::signal(counter);
  while (ptx::poll(counter) < gridDim.x);
  x[threadIdx.x] += x[threadIdx.x + 32];
}

__global__ void cluster_kernel(float* x) {
  __shared__ float kept[64];
  kept[threadIdx.x] = x[threadIdx.x];
  ptx::cluster_arrive();
  ptx::cluster_wait();
  x[threadIdx.x] = ptx::in_block(kept, ptx::cluster_rank() ^ 1)[threadIdx.x];
}

__global__ void local_kernel(float* x, int i) {
  float many[2000];
  for (int k = 0; k < 2000; k++) many[k] = x[k * i];
  x[i] = many[i];
}

}  // extern "C"
