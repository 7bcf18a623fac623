// Steps of optimisers over all parameters of a group, on the CPU. Shapes and options as in fastlm/ops/optimizer.py.
#include <cmath>

#include "../cpu/optimizer.h"
#include "aten.h"
#include "team.h"

namespace fastlm {
namespace {

void check_lists(const char* op, const Tensors& parameters, std::initializer_list<const Tensors*> others) {
  for (const Tensors* other : others) {
    check(other->size() == parameters.size(), op, ": expected ", parameters.size(), " tensors in each list, got ",
          other->size());
    for (size_t i = 0; i < parameters.size(); i++) {
      const Tensor &p = parameters[i], &t = (*other)[i];
      check(t.is_cpu() && t.scalar_type() == p.scalar_type() && t.numel() == p.numel(), op,
            ": expected tensors like the parameter's, of shape ", shape_of(p), ", got ", shape_of(t));
      check(t.is_contiguous() && p.is_contiguous(), op, ": expected dense tensors");
    }
  }
}

double gradient_norm(const Tensors& gradients) {
  TorchTeam team;
  double sum = 0;
  for (const Tensor& gradient : gradients) {
    check(gradient.is_contiguous(), "gradient_norm: expected dense tensors");
    sum += dispatch_floating("gradient_norm", gradient.scalar_type(), [&]<class T>(T) {
      return cpu::sum_of_squares(gradient.const_data_ptr<T>(), gradient.numel(), team);
    });
  }
  return std::sqrt(sum);
}

void sgd_step(const Tensors& parameters, const Tensors& gradients, const Tensors& momenta, double scale, double lr,
              double momentum, double dampening, double weight_decay, bool nesterov) {
  check_lists("sgd_step_", parameters, {&gradients});
  if (!momenta.empty()) check_lists("sgd_step_", parameters, {&momenta});
  TorchTeam team;
  for (size_t i = 0; i < parameters.size(); i++)
    dispatch_floating("sgd_step_", parameters[i].scalar_type(), [&]<class T>(T) {
      const SgdRule<T> rule{T(scale), T(lr), T(momentum), T(dampening), T(weight_decay), nesterov};
      cpu::sgd_step(rule, parameters[i].mutable_data_ptr<T>(), gradients[i].const_data_ptr<T>(),
                    momenta.empty() ? nullptr : momenta[i].mutable_data_ptr<T>(), parameters[i].numel(), team);
    });
}

void adam_step(const Tensors& parameters, const Tensors& gradients, const Tensors& means, const Tensors& squares,
               const std::vector<int64_t>& steps, double scale, double lr, double beta1, double beta2, double eps,
               double weight_decay, bool decoupled) {
  check_lists("adam_step_", parameters, {&gradients, &means, &squares});
  check(steps.size() == parameters.size(), "adam_step_: expected ", parameters.size(), " steps, got ", steps.size());
  TorchTeam team;
  for (size_t i = 0; i < parameters.size(); i++)
    dispatch_floating("adam_step_", parameters[i].scalar_type(), [&]<class T>(T) {
      const double t = double(steps[i]);
      const AdamRule<T> rule{T(scale),
                             T(beta1),
                             T(beta2),
                             T(eps),
                             T(decoupled ? 0 : weight_decay),
                             T(decoupled ? 1 - lr * weight_decay : 1),
                             T(lr / (1 - std::pow(beta1, t))),
                             T(1 / std::sqrt(1 - std::pow(beta2, t)))};
      cpu::adam_step(rule, parameters[i].mutable_data_ptr<T>(), gradients[i].const_data_ptr<T>(),
                     means[i].mutable_data_ptr<T>(), squares[i].mutable_data_ptr<T>(), parameters[i].numel(), team);
    });
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("gradient_norm", TORCH_BOX(&gradient_norm));
  m.impl("sgd_step_", TORCH_BOX(&sgd_step));
  m.impl("adam_step_", TORCH_BOX(&adam_step));
}

}  // namespace fastlm
