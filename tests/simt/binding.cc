// The operators of a GPU with the executor for a device: what tests/cuda/test_binding.py calls.
#include "torch/dropout_gpu.h"
#include "torch/rnn_layer_gpu.h"
#include "torch/schemas.h"

namespace {

struct Executor {
  explicit Executor(const fastlm::Tensor&) {}
  fastlm::cuda::Stream stream() const { return nullptr; }
};

}  // namespace

STABLE_TORCH_LIBRARY(fastlm_simt, m) {
  m.def(fastlm::kRnnLayer);
  m.def(fastlm::kRnnLayerBackward);
  m.def(fastlm::kDropout);
}

STABLE_TORCH_LIBRARY_IMPL(fastlm_simt, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&fastlm::rnn_layer<fastlm::GpuLayer<Executor>>));
  m.impl("rnn_layer_backward", TORCH_BOX(&fastlm::rnn_layer_backward<fastlm::GpuLayer<Executor>>));
  m.impl("dropout", TORCH_BOX(&fastlm::dropout<fastlm::GpuDropout<Executor>>));
}
