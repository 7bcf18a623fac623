// The output layer with its loss, for any device: what is checked before a kernel runs, and the results' shapes.
#pragma once

#include <tuple>

#include "../core/cross_entropy.h"
#include "aten.h"

namespace fastlm {

struct OutputLayer {
  Tensor input, weight;  // [N, H], [V, H]: dense, in one type
  std::optional<Tensor> bias;
  Tensor target;  // [N]
  int64_t ignore_index;
  CrossEntropyRule rule;
  std::string reduction;

  int64_t rows() const { return input.size(0); }
  int64_t classes() const { return weight.size(0); }
  bool reduced() const { return reduction != "none"; }
};

// Those that are not wanted are empty.
struct OutputGradients {
  Tensor input, weight, bias;
};

inline OutputLayer output_layer(const Tensor& input, const Tensor& weight, const Tensor& target,
                                const std::optional<Tensor>& bias, int64_t ignore_index, double label_smoothing,
                                double z_loss, const std::string& reduction) {
  const char* const op = "linear_cross_entropy: ";
  check(input.dim() == 2 && weight.dim() == 2 && input.size(1) == weight.size(1), op,
        "expected input [N, H] and weight [V, H], got ", shape_of(input), " and ", shape_of(weight));
  check(has_shape(target, {input.size(0)}), op, "expected target of shape [", input.size(0), "], got ",
        shape_of(target));
  check(target.scalar_type() == ScalarType::Long, op, "expected target to be int64, got ",
        torch::headeronly::toString(target.scalar_type()));
  check(!bias || has_shape(*bias, {weight.size(0)}), op, "expected bias of shape [", weight.size(0), "], got ",
        bias ? shape_of(*bias) : "");
  const auto fits = [&](const Tensor& other) {
    return other.is_cpu() == input.is_cpu() && other.get_device_index() == input.get_device_index();
  };
  check(fits(weight) && fits(target) && (!bias || fits(*bias)), op, "expected all tensors on the device of input");
  check(weight.scalar_type() == input.scalar_type() && (!bias || bias->scalar_type() == input.scalar_type()), op,
        "expected weight and bias in the dtype of input, ", torch::headeronly::toString(input.scalar_type()));
  check(label_smoothing >= 0 && label_smoothing <= 1,
        "label_smoothing must be between 0.0 and 1.0. Got: ", label_smoothing);
  check(reduction == "mean" || reduction == "sum" || reduction == "none", reduction,
        " is not a valid value for reduction");
  const auto dense = [](const Tensor& tensor) { return torch::stable::contiguous(tensor); };
  return {dense(input),  dense(weight), bias ? std::optional(dense(*bias)) : std::nullopt,
          dense(target), ignore_index,  {label_smoothing, z_loss},
          reduction};
}

inline OutputGradients empty_gradients(const OutputLayer& layer, bool wants_input, bool wants_weight, bool wants_bias) {
  const auto empty = [&](bool wanted, const Tensor& like) {
    return wanted ? torch::stable::empty_like(like) : torch::stable::new_empty(layer.input, {0});
  };
  return {empty(wants_input, layer.input), empty(wants_weight, layer.weight),
          empty(wants_bias && layer.bias, layer.bias ? *layer.bias : layer.weight)};
}

// Device::run(layer, grad, gradients) gives the loss, and where that is reduced, those of each row; it writes the
// gradients that are not empty: of the loss times grad, a number or [N]; null for 1.
template <class Device>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> linear_cross_entropy(
    const Tensor& input, const Tensor& weight, const Tensor& target, const std::optional<Tensor>& bias,
    int64_t ignore_index, double label_smoothing, double z_loss, const std::string& reduction, bool wants_input,
    bool wants_weight, bool wants_bias) {
  const OutputLayer layer = output_layer(input, weight, target, bias, ignore_index, label_smoothing, z_loss, reduction);
  const bool wants = layer.reduced();  // of single losses the gradients are not known yet
  OutputGradients gradients = empty_gradients(layer, wants && wants_input, wants && wants_weight, wants && wants_bias);
  const auto [loss, losses] = Device::run(layer, nullptr, gradients);
  return {loss, losses, gradients.input, gradients.weight, gradients.bias};
}

// grad: of the loss, a number or [N].
template <class Device>
std::tuple<Tensor, Tensor, Tensor> linear_cross_entropy_backward(const Tensor& grad, const Tensor& input,
                                                                 const Tensor& weight, const Tensor& target,
                                                                 const std::optional<Tensor>& bias,
                                                                 int64_t ignore_index, double label_smoothing,
                                                                 double z_loss, const std::string& reduction,
                                                                 bool wants_input, bool wants_weight, bool wants_bias) {
  const OutputLayer layer = output_layer(input, weight, target, bias, ignore_index, label_smoothing, z_loss, reduction);
  check(layer.reduced() ? grad.numel() == 1 : has_shape(grad, {layer.rows()}),
        "linear_cross_entropy_backward: expected a gradient of the loss's shape, got ", shape_of(grad));
  OutputGradients gradients = empty_gradients(layer, wants_input, wants_weight, wants_bias);
  Device::run(layer, &grad, gradients);
  return {gradients.input, gradients.weight, gradients.bias};
}

}  // namespace fastlm
