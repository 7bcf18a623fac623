// The output layer with its loss on the CPU. 16-bit numbers are computed in float.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "../cpu/linear_cross_entropy.h"
#include "linear_cross_entropy.h"
#include "team.h"

namespace fastlm {
namespace {

struct Cpu {
  static std::pair<Tensor, Tensor> run(const OutputLayer& layer, const Tensor* grad, OutputGradients& gradients) {
    const ScalarType stored = layer.input.scalar_type();
    if (stored == ScalarType::Float) return compute<float>(layer, grad, gradients);
    if (stored == ScalarType::Double) return compute<double>(layer, grad, gradients);
    check(stored == ScalarType::Half || stored == ScalarType::BFloat16,
          "linear_cross_entropy: expected a floating point input, got ", torch::headeronly::toString(stored));
    const auto to = [](const Tensor& tensor, ScalarType type) { return torch::stable::to(tensor, type); };
    OutputLayer wide = layer;
    for (Tensor* tensor : {&wide.input, &wide.weight}) *tensor = to(*tensor, ScalarType::Float);
    if (wide.bias) wide.bias = to(*wide.bias, ScalarType::Float);
    const Tensor wide_grad = grad ? to(*grad, ScalarType::Float) : layer.input;
    const auto widened = [&](const Tensor& tensor) {
      return torch::stable::new_empty(tensor, shape_vector(tensor), ScalarType::Float);
    };
    OutputGradients sums{widened(gradients.input), widened(gradients.weight), widened(gradients.bias)};
    const auto [loss, losses] = compute<float>(wide, grad ? &wide_grad : nullptr, sums);
    gradients = {to(sums.input, stored), to(sums.weight, stored), to(sums.bias, stored)};
    return {to(loss, stored), to(losses, stored)};
  }

 private:
  template <class T>
  static std::pair<Tensor, Tensor> compute(const OutputLayer& layer, const Tensor* grad, OutputGradients& gradients) {
    const int64_t* const target = layer.target.const_data_ptr<int64_t>();
    const int64_t N = layer.rows(), H = layer.input.size(1), V = layer.classes();
    for (int64_t r = 0; r < N; r++)
      check(target[r] == layer.ignore_index || (target[r] >= 0 && target[r] < V), "Target ", target[r],
            " is out of bounds.");
    const auto to_write = [](const Tensor& tensor) {
      return tensor.numel() > 0 ? tensor.mutable_data_ptr<T>() : nullptr;
    };
    const Tensor losses = torch::stable::new_empty(layer.input, {N});
    cpu::LinearCrossEntropy<T> args{};
    args.rows = N, args.hidden = H, args.classes = V;
    args.input = layer.input.const_data_ptr<T>(), args.weight = layer.weight.const_data_ptr<T>();
    args.bias = layer.bias ? layer.bias->const_data_ptr<T>() : nullptr;
    args.target = target, args.ignore_index = layer.ignore_index;
    args.rule = layer.rule;
    args.loss = to_write(losses);
    args.d_input = to_write(gradients.input), args.d_weight = to_write(gradients.weight);
    args.d_bias = to_write(gradients.bias);

    const int64_t count = N - std::count(target, target + N, layer.ignore_index);
    args.factor = layer.reduction == "mean" && count > 0 ? 1 / double(count) : 1;
    const Tensor dense_grad = grad ? torch::stable::contiguous(*grad) : losses;
    if (grad && layer.reduced()) args.factor *= double(*dense_grad.const_data_ptr<T>());
    if (grad && !layer.reduced()) args.grad = dense_grad.const_data_ptr<T>();
    TorchTeam team;
    cpu::linear_cross_entropy(args, team);
    if (!layer.reduced()) return {losses, torch::stable::new_empty(layer.input, {0})};

    const double sum = std::accumulate(args.loss, args.loss + N, 0.0);
    const Tensor loss = torch::stable::new_empty(layer.input, std::vector<int64_t>{});
    *loss.mutable_data_ptr<T>() = T(layer.reduction == "mean" ? sum / double(count) : sum);
    return {loss, losses};
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("linear_cross_entropy", TORCH_BOX(&linear_cross_entropy<Cpu>));
  m.impl("linear_cross_entropy_backward", TORCH_BOX(&linear_cross_entropy_backward<Cpu>));
}

}  // namespace fastlm
