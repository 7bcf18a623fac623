// The output layer with its loss on a GPU, by chunks of rows: the products are torch's, between them csrc/cuda's
// kernels put the gradients of a chunk's logits in their place (Hsu et al. 2024). Device as in rnn_layer_gpu.h.
//
// What all gradients are multiplied with, 1 / rows for a mean, is known on the device alone; it comes last, so that
// 16-bit gradients of logits are not too small for their type. kBytes: see cross_entropy_rows; tests have smaller
// chunks.
#pragma once

#include <algorithm>
#include <utility>

#include "../cuda/cross_entropy.h"
#include "gpu_number.h"
#include "linear_cross_entropy.h"

namespace fastlm {

template <class T, class Device, int64_t kBytes>
class OutputLayerPass {
  using C = cuda::Computed<T>;
  static constexpr bool kNarrow = !std::is_same_v<T, C>;
  static constexpr ScalarType kComputed = sizeof(C) == 8 ? ScalarType::Double : ScalarType::Float;

 public:
  OutputLayerPass(const OutputLayer& layer, const Tensor* grad, OutputGradients& gradients)
      : layer_(layer), device_(layer.input), gradients_(gradients), losses_(computed({layer.rows()})) {
    if (layer.bias) bias_ = at_16_bytes(*layer.bias);
    if (grad) grad_ = torch::stable::contiguous(*grad);
    if (wanted(gradients.weight)) weight_sums_ = kNarrow ? computed(gradients.weight.sizes()) : gradients.weight;
  }

  std::pair<Tensor, Tensor> run() {
    const int64_t N = layer_.rows(), H = layer_.input.size(1), V = layer_.classes();
    const int64_t most = cuda::cross_entropy_rows(N, H, V, sizeof(T), kBytes);
    for (int64_t first = 0; first < N; first += most) add_rows(first, std::min(most, N - first));
    std::optional<Tensor> factor, loss;
    if (layer_.reduced()) {
      factor = computed({});
      loss = torch::stable::new_empty(layer_.input, std::vector<int64_t>{});
      reduce(*loss, *factor);
    }
    finish(factor);
    const Tensor losses = torch::stable::to(losses_, layer_.input.scalar_type());
    return {loss ? *loss : losses, loss ? losses : torch::stable::new_empty(layer_.input, {0})};
  }

 private:
  static bool wanted(const Tensor& gradient) { return gradient.numel() > 0; }
  bool wants_gradients() const {
    return wanted(gradients_.input) || wanted(gradients_.weight) || wanted(gradients_.bias);
  }

  Tensor computed(torch::headeronly::IntHeaderOnlyArrayRef shape) const {
    return torch::stable::new_empty(layer_.input, shape, kComputed);
  }

  // As wide loads need it: a part of a larger tensor may begin anywhere.
  static Tensor at_16_bytes(const Tensor& tensor) {
    return reinterpret_cast<uintptr_t>(tensor.const_data_ptr()) % 16 == 0 ? tensor : torch::stable::clone(tensor);
  }

  static Tensor rows_of(const Tensor& tensor, int64_t first, int64_t count) {
    Tensor whole = tensor;
    return torch::stable::narrow(whole, 0, first, count);
  }

  void add_rows(int64_t first, int64_t count) {
    const int64_t V = layer_.classes(), stride = cuda::cross_entropy_stride(V, sizeof(T));
    const Tensor rows = rows_of(layer_.input, first, count);
    Tensor padded = torch::stable::new_empty(layer_.input, {count, stride});
    const Tensor logits = torch::stable::narrow(padded, 1, 0, V);  // then their gradients
    mm_to(logits, rows, transposed(layer_.weight));
    cuda::CrossEntropy<T> args{};
    args.rows = count, args.classes = V;
    args.logits = mutable_data<T>(padded), args.stride = stride;
    args.bias = data<T>(bias_);
    args.target = data<int64_t>(layer_.target) + first, args.ignore_index = layer_.ignore_index;
    args.rule = layer_.rule;
    if (grad_ && !layer_.reduced()) args.grad = data<T>(*grad_) + first;
    args.loss = mutable_data<C>(losses_) + first;
    args.wants_gradient = wants_gradients();
    cuda::cross_entropy(args, device_.stream());
    if (wanted(gradients_.input)) mm_to(rows_of(gradients_.input, first, count), logits, layer_.weight);
    if (wanted(gradients_.weight)) add_to_weight(logits, rows, first == 0);
    if (!wanted(gradients_.bias)) return;
    const Tensor sums = torch::stable::sum(logits, std::vector<int64_t>{0}, false, kComputed);
    bias_sums_ = first == 0 ? sums : add(*bias_sums_, sums);
  }

  void add_to_weight(const Tensor& gradients, const Tensor& rows, bool first) {
    if (first && !kNarrow) return mm_to(*weight_sums_, transposed(gradients), rows);
    const Tensor part = mm(transposed(gradients), rows);
    const T* const from = data<T>(part);
    C* const sums = mutable_data<C>(*weight_sums_);
    if (first)
      cuda::multiply_by<T, C>(nullptr, from, sums, part.numel(), device_.stream());
    else
      cuda::add_to_sums<T>(from, sums, part.numel(), device_.stream());
  }

  void reduce(const Tensor& loss, const Tensor& factor) const {
    cuda::ReducedLoss<T> args{};
    args.rows = layer_.rows();
    args.losses = data<C>(losses_), args.target = data<int64_t>(layer_.target);
    args.ignore_index = layer_.ignore_index;
    args.mean = layer_.reduction == "mean";
    args.grad = data<T>(grad_);
    args.loss = mutable_data<T>(loss), args.factor = mutable_data<C>(factor);
    cuda::reduce_losses(args, device_.stream());
  }

  // From the sums over all rows the gradients themselves.
  void finish(const std::optional<Tensor>& factor) {
    const auto multiply = [&]<class From>(std::type_identity<From>, const Tensor& from, const Tensor& to) {
      if (factor || from.const_data_ptr() != to.const_data_ptr())
        cuda::multiply_by<From, T>(data<C>(factor), data<From>(from), mutable_data<T>(to), to.numel(),
                                   device_.stream());
    };
    const bool none = layer_.rows() == 0;
    if (wanted(gradients_.input)) multiply(std::type_identity<T>(), gradients_.input, gradients_.input);
    if (wanted(gradients_.weight)) {
      if (none) torch::stable::zero_(*weight_sums_);
      multiply(std::type_identity<C>(), *weight_sums_, gradients_.weight);
    }
    if (!wanted(gradients_.bias)) return;
    if (none) torch::stable::zero_(*(bias_sums_ = computed(gradients_.bias.sizes())));
    multiply(std::type_identity<C>(), *bias_sums_, gradients_.bias);
  }

  const OutputLayer& layer_;
  const Device device_;
  OutputGradients& gradients_;
  const Tensor losses_;  // [N]
  std::optional<Tensor> bias_, grad_;
  std::optional<Tensor> weight_sums_, bias_sums_;  // [V, H], which may be the gradient itself, and [V]
};

template <class Device, int64_t kBytes = cuda::kLogitBytes>
struct GpuLinearCrossEntropy {
  static std::pair<Tensor, Tensor> run(const OutputLayer& layer, const Tensor* grad, OutputGradients& gradients) {
    std::pair<Tensor, Tensor> losses;
    with_number("linear_cross_entropy", layer.input.scalar_type(), [&]<class T>(std::type_identity<T>) {
      losses = OutputLayerPass<T, Device, kBytes>(layer, grad, gradients).run();
    });
    return losses;
  }
};

}  // namespace fastlm
