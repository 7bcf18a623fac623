// Dropout on a GPU.
#include "cuda.h"
#include "dropout_gpu.h"

namespace fastlm {

STABLE_TORCH_LIBRARY_IMPL(fastlm, CUDA, m) { m.impl("dropout", TORCH_BOX(&dropout<GpuDropout<OnDeviceOf>>)); }

}  // namespace fastlm
