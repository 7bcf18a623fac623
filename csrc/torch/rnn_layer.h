// One recurrent layer, both directions, for any device: input products, the recurrence, reductions over time.
//
// Device(layer) supplies what goes step by step: walk(reverse), forward(cell, RnnForward<T>) and
// backward(cell, RnnBackward<T>). Shapes as in fastlm/ops/rnn.py. D = directions, N = rows (steps x batch, or the rows
// of a PackedSequence).
#pragma once

#include <tuple>
#include <type_traits>

#include "../core/rnn/recurrence.h"
#include "layer.h"

namespace fastlm {

namespace detail {

template <class T>
const T* data(const Tensor& tensor) {
  return tensor.const_data_ptr<T>();
}

template <class T>
const T* data(const std::optional<Tensor>& tensor) {
  return tensor ? tensor->const_data_ptr<T>() : nullptr;
}

// Direction d of a state each, [D, batch, H].
template <class Pointer>
void fill(Pointer (&pointers)[kMaxStates], const Layer& layer, int64_t d, const Tensors& states) {
  using T = std::remove_pointer_t<Pointer>;
  for (size_t s = 0; s < states.size(); s++) {
    if constexpr (std::is_const_v<T>)
      pointers[s] = data<std::remove_const_t<T>>(states[s]);
    else
      pointers[s] = states[s].mutable_data_ptr<T>();
    pointers[s] += d * layer.layout.batch * layer.hidden;
  }
}

template <class T>
RnnForward<T> forward_arguments(const Layer& layer, int64_t d, const Walk& walk, const Tensor& x_gates,
                                const Tensor& output, const Tensor& saved, const Tensors& hn) {
  RnnForward<T> args{};
  args.walk = walk;
  args.hidden = layer.hidden;
  args.x_gates = data<T>(x_gates);
  args.b_ih = data<T>(layer.weights.input_bias(d));
  args.b_hh = data<T>(layer.weights.hidden_bias(d));
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill(args.hx, layer, d, layer.hx);
  args.output = output.mutable_data_ptr<T>() + d * layer.hidden;
  args.output_stride = layer.weights.directions() * layer.hidden;
  args.saved = saved.mutable_data_ptr<T>() + d * layer.layout.rows * layer.traits.slots * layer.hidden;
  fill(args.hn, layer, d, hn);
  return args;
}

template <class T>
RnnBackward<T> backward_arguments(const Layer& layer, int64_t d, const Walk& walk, const Tensor& output,
                                  const Tensor& saved, const Tensor& grad_output, const Tensors& grad_hn,
                                  const Tensor& d_x_gates, const Tensor& d_h_gates, const Tensors& d_hx) {
  RnnBackward<T> args{};
  args.walk = walk;
  args.hidden = layer.hidden;
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill(args.hx, layer, d, layer.hx);
  args.output = data<T>(output) + d * layer.hidden;
  args.output_stride = args.grad_output_stride = layer.weights.directions() * layer.hidden;
  args.saved = data<T>(saved) + d * layer.layout.rows * layer.traits.slots * layer.hidden;
  args.grad_output = data<T>(grad_output) + d * layer.hidden;
  fill(args.grad_hn, layer, d, grad_hn);
  args.d_x_gates = d_x_gates.mutable_data_ptr<T>();
  args.d_h_gates = d_h_gates.mutable_data_ptr<T>();
  fill(args.d_hx, layer, d, d_hx);
  return args;
}

}  // namespace detail

template <class Device>
std::tuple<Tensor, Tensors, Tensor> rnn_layer(const Tensor& x, const Tensors& hx, const Tensors& w_ih,
                                              const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh,
                                              const std::optional<Tensor>& batch_sizes, const std::string& cell) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh}, batch_sizes, cell);
  const int64_t D = layer.weights.directions(), N = layer.layout.rows;
  const Tensor output = layer.empty(layer.output_shape());
  const Tensor saved = layer.empty({D, N, layer.traits.slots * layer.hidden});
  Tensors hn;
  for (int64_t s = 0; s < layer.traits.states; s++) hn.push_back(layer.empty({D, layer.layout.batch, layer.hidden}));
  const Device device(layer);
  for (int64_t d = 0; d < D; d++) {
    const Tensor x_gates = mm(layer.input, transposed(layer.weights.w_ih[d]));
    dispatch_floating("rnn_layer", x.scalar_type(), [&]<class T>(T) {
      device.forward(cell, detail::forward_arguments<T>(layer, d, device.walk(d == 1), x_gates, output, saved, hn));
    });
  }
  return {output, hn, saved};
}

template <class Device>
std::tuple<Tensor, Tensors, Tensors, Tensors, Tensors, Tensors> rnn_layer_backward(
    const Tensor& grad_output, const Tensors& grad_hn, const Tensor& x, const Tensors& hx, const Tensors& w_ih,
    const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh, const std::optional<Tensor>& batch_sizes,
    const std::string& cell, const Tensor& output, const Tensor& saved, bool wants_input, bool wants_hx) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh}, batch_sizes, cell);
  const int64_t D = layer.weights.directions(), N = layer.layout.rows, G = layer.traits.gates, H = layer.hidden;
  Tensors d_hx, d_w_ih, d_w_hh, d_b_ih, d_b_hh, dense_grad_hn;
  for (const Tensor& grad : grad_hn) dense_grad_hn.push_back(torch::stable::contiguous(grad));
  if (wants_hx)
    for (int64_t s = 0; s < layer.traits.states; s++) d_hx.push_back(layer.empty({D, layer.layout.batch, H}));
  const Tensor dense_grad_output = torch::stable::contiguous(grad_output);
  const Device device(layer);
  std::optional<Tensor> d_input;
  for (int64_t d = 0; d < D; d++) {
    const Tensor d_x_gates = layer.empty({N, G * H});
    const Tensor d_h_gates = layer.traits.gates_add ? d_x_gates : layer.empty({N, G * H});
    dispatch_floating("rnn_layer_backward", x.scalar_type(), [&]<class T>(T) {
      device.backward(cell,
                      detail::backward_arguments<T>(layer, d, device.walk(d == 1), output, saved, dense_grad_output,
                                                    dense_grad_hn, d_x_gates, d_h_gates, d_hx));
    });
    if (wants_input) {
      const Tensor part = mm(d_x_gates, layer.weights.w_ih[d]);
      d_input = d_input ? add(*d_input, part) : part;
    }
    d_w_ih.push_back(mm(transposed(d_x_gates), layer.input));
    const Tensor before = layer.hidden_before(output, d);
    d_w_hh.push_back(layer.traits.diagonal
                         ? torch::stable::reshape(sum_rows(multiply(torch::stable::reshape(d_h_gates, {N, G, H}),
                                                                    torch::stable::unsqueeze(before, 1))),
                                                  {G * H})
                         : mm(transposed(d_h_gates), before));
    if (!b_ih.empty()) {
      d_b_ih.push_back(sum_rows(d_x_gates));
      d_b_hh.push_back(layer.traits.gates_add ? torch::stable::clone(d_b_ih.back()) : sum_rows(d_h_gates));
    }
  }
  const Tensor d_x = d_input ? torch::stable::reshape(*d_input, x.sizes()) : layer.empty({0});
  return {d_x, d_hx, d_w_ih, d_w_hh, d_b_ih, d_b_hh};
}

}  // namespace fastlm
