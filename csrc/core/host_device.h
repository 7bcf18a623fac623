// One word for functions that run on the CPU and on the GPU.
#pragma once

#ifdef __CUDACC__
#define FASTLM_HD __host__ __device__ __forceinline__
#else
#define FASTLM_HD inline
#endif
