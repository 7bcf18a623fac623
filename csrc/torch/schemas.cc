// The operators of fastlm, in one place. fastlm/ops has their documentation, fake kernels and gradients.
#include "schemas.h"

#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(fastlm, m) {
  m.def(fastlm::kRnnLayer);
  m.def(fastlm::kRnnLayerBackward);
  m.def(
      "rnn_stream(Tensor input, Tensor[] hx, Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, "
      "Tensor[] scale_ih, Tensor[] scale_hh, str cell) -> (Tensor output, Tensor[] hn)");
  m.def(fastlm::kDropout);
  m.def(fastlm::kLinearCrossEntropy);
  m.def(fastlm::kLinearCrossEntropyBackward);
  m.def("gradient_norm(Tensor[] gradients) -> float");
  m.def(
      "sgd_step_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] momenta, float scale, float lr, "
      "float momentum, float dampening, float weight_decay, bool nesterov) -> ()");
  m.def(
      "adam_step_(Tensor(a!)[] parameters, Tensor[] gradients, Tensor(b!)[] means, Tensor(c!)[] squares, int[] steps, "
      "float scale, float lr, float beta1, float beta2, float eps, float weight_decay, bool decoupled) -> ()");
  m.def("cells() -> str[]");
  m.def("cell_traits(str cell) -> int[]");
  m.def("measure_fma(int repeats) -> float");
  m.def("measure_read(Tensor buffer, int repeats) -> float");
}
