// The operators of a GPU with the executor for a device: what tests/cuda/test_binding.py calls.
#include "torch/dropout_gpu.h"
#include "torch/linear_cross_entropy_gpu.h"
#include "torch/rnn_layer_gpu.h"
#include "torch/schemas.h"

namespace {

struct Executor {
  explicit Executor(const fastlm::Tensor&) {}
  fastlm::cuda::Stream stream() const { return nullptr; }
};

using OutputLayer = fastlm::GpuLinearCrossEntropy<Executor, 4096>;  // bytes of logits: many chunks

}  // namespace

STABLE_TORCH_LIBRARY(fastlm_simt, m) {
  m.def(fastlm::kRnnLayer);
  m.def(fastlm::kRnnLayerBackward);
  m.def(fastlm::kDropout);
  m.def(fastlm::kLinearCrossEntropy);
  m.def(fastlm::kLinearCrossEntropyBackward);
}

STABLE_TORCH_LIBRARY_IMPL(fastlm_simt, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&fastlm::rnn_layer<fastlm::GpuLayer<Executor>>));
  m.impl("rnn_layer_backward", TORCH_BOX(&fastlm::rnn_layer_backward<fastlm::GpuLayer<Executor>>));
  m.impl("dropout", TORCH_BOX(&fastlm::dropout<fastlm::GpuDropout<Executor>>));
  m.impl("linear_cross_entropy", TORCH_BOX(&fastlm::linear_cross_entropy<OutputLayer>));
  m.impl("linear_cross_entropy_backward", TORCH_BOX(&fastlm::linear_cross_entropy_backward<OutputLayer>));
}
