// The output layer with its loss on a GPU.
#include "cuda.h"
#include "linear_cross_entropy_gpu.h"

namespace fastlm {

STABLE_TORCH_LIBRARY_IMPL(fastlm, CUDA, m) {
  m.impl("linear_cross_entropy", TORCH_BOX(&linear_cross_entropy<GpuLinearCrossEntropy<OnDeviceOf>>));
  m.impl("linear_cross_entropy_backward", TORCH_BOX(&linear_cross_entropy_backward<GpuLinearCrossEntropy<OnDeviceOf>>));
}

}  // namespace fastlm
