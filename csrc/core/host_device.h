// Words for code that runs on the CPU and on the GPU.
#pragma once

#ifdef __CUDACC__
#define FASTLM_HD __host__ __device__ __forceinline__
#define FASTLM_UNROLL _Pragma("unroll")
#else
#define FASTLM_HD [[gnu::always_inline]] inline
#define FASTLM_UNROLL _Pragma("GCC unroll 16")
#endif
