// Words for code that runs on the CPU and on the GPU.
#pragma once

#ifdef __CUDACC__
#define FASTLM_HD __host__ __device__ __forceinline__
#define FASTLM_UNROLL _Pragma("unroll")
#else
#define FASTLM_HD FASTLM_INLINE
#define FASTLM_UNROLL _Pragma("GCC unroll 16")
#endif

// For the host: what must be part of the loop around it, or all that a function calls. The sanitizers make so much code
// of each line that the compiler would not end.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FASTLM_INLINE inline
#define FASTLM_FLATTEN
#else
#define FASTLM_INLINE [[gnu::always_inline]] inline
#define FASTLM_FLATTEN [[gnu::flatten]]
#endif
