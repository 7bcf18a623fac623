// The recurrent layer on a GPU.
#include "cuda.h"
#include "rnn_layer_gpu.h"

namespace fastlm {

STABLE_TORCH_LIBRARY_IMPL(fastlm, CUDA, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<GpuLayer<OnDeviceOf>>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<GpuLayer<OnDeviceOf>>));
}

}  // namespace fastlm
