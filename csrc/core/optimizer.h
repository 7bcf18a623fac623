// One step of an optimiser for one element: the arithmetic of torch.optim. T: a number, or a vector of numbers.
#pragma once

#include "host_device.h"

namespace fastlm {

// Robbins & Monro (1951); momentum as in Sutskever et al. (2013), without the learning rate in the momentum.
template <class T>
struct SgdRule {
  T scale;  // of the gradients: clipping, and -1 to maximize
  T lr, momentum, dampening, weight_decay;
  bool nesterov;

  template <class V>
  FASTLM_HD void step(V& parameter, V gradient, V& momentum_buffer) const {
    gradient = gradient * scale + parameter * weight_decay;
    momentum_buffer = momentum_buffer * momentum + gradient * (T(1) - dampening);
    parameter -= (nesterov ? gradient + momentum_buffer * momentum : momentum_buffer) * lr;
  }
  template <class V>
  FASTLM_HD void step(V& parameter, V gradient) const {
    parameter -= (gradient * scale + parameter * weight_decay) * lr;
  }
};

// Kingma & Ba (2015); decoupled: Loshchilov & Hutter (2019).
template <class T>
struct AdamRule {
  T scale;
  T beta1, beta2, eps;
  T gradient_decay, parameter_factor;  // weight decay, added to the gradient or decoupled
  T step_size, root_correction;        // lr / (1 - beta1^t), 1 / sqrt(1 - beta2^t)

  template <class V, class Root>
  FASTLM_HD void step(V& parameter, V gradient, V& mean, V& square, const Root& root) const {
    gradient = gradient * scale + parameter * gradient_decay;
    mean += (gradient - mean) * (T(1) - beta1);
    square = square * beta2 + gradient * gradient * (T(1) - beta2);
    parameter = parameter * parameter_factor - mean / (root(square) * root_correction + eps) * step_size;
  }
};

}  // namespace fastlm
