// Dropout's launcher, for every number type.
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <algorithm>

#include "dropout.cuh"
#include "dropout.h"

namespace fastlm::cuda {
namespace {

constexpr int64_t kBlocks = 4096;  // more go round again: several waves on the largest GPUs

template <class T>
void launch_dropout(const int64_t* seed, double p, const void* input, void* output, int64_t count, Stream stream) {
  const bool aligned = (reinterpret_cast<uintptr_t>(input) | reinterpret_cast<uintptr_t>(output)) % 16 == 0;
  const int64_t blocks = std::min(kBlocks, divide_up(count, kDropoutThreads * kDropoutElements<T>));
  launch("dropout", aligned ? dropout_kernel<T, true> : dropout_kernel<T, false>,
         {dim3(unsigned(blocks)), dim3(kDropoutThreads)}, stream, seed, DropoutRule(0, p), static_cast<const T*>(input),
         static_cast<T*>(output), count);
}

}  // namespace

void dropout(Number type, const int64_t* seed, double p, const void* input, void* output, int64_t count,
             Stream stream) {
  if (count == 0) return;
  switch (type) {
    case Number::kFloat:
      return launch_dropout<float>(seed, p, input, output, count, stream);
    case Number::kDouble:
      return launch_dropout<double>(seed, p, input, output, count, stream);
    case Number::kHalf:
      return launch_dropout<__half>(seed, p, input, output, count, stream);
    case Number::kBFloat16:
      return launch_dropout<__nv_bfloat16>(seed, p, input, output, count, stream);
  }
}

}  // namespace fastlm::cuda
