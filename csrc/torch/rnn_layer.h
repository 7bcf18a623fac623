// One recurrent layer, every direction of it, on any device: what the operators allocate and return.
//
// Backend(layer) does the work: forward(results) and backward(gradients). Shapes as in fastlm/ops/rnn.py. D =
// directions, N = rows (steps x batch, or the rows of a PackedSequence).
#pragma once

#include <tuple>

#include "layer.h"

namespace fastlm {

struct LayerResults {
  Tensor output;  // [N, D * H]
  Tensor saved;   // [D, N, slots * H]; empty where no gradient will be asked
  Tensors hn;     // a state each: [D, batch, H]
};

struct LayerGradients {
  Tensor output, saved;  // what forward gave
  Tensor grad_output;    // [N, D * H]
  Tensors grad_hn;       // a state each: [D, batch, H]
  // To be filled:
  Tensor d_input;                          // [N, I]; empty: not wanted
  Tensors d_hx;                            // as hx; empty: not wanted
  Tensors d_w_ih, d_w_hh, d_b_ih, d_b_hh;  // as the weights
};

namespace detail {

inline Tensors empty_like(const Layer& layer, const Tensors& tensors) {
  Tensors results;
  for (const Tensor& tensor : tensors) results.push_back(layer.empty(shape_vector(tensor)));
  return results;
}

}  // namespace detail

template <class Backend>
std::tuple<Tensor, Tensors, Tensor> rnn_layer(const Tensor& x, const Tensors& hx, const Tensors& w_ih,
                                              const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh,
                                              const std::optional<Tensor>& batch_sizes, const std::string& cell,
                                              bool for_backward) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh}, batch_sizes, cell);
  const int64_t D = layer.weights.directions(), N = layer.layout.rows;
  LayerResults results{
      layer.empty(layer.output_shape()), layer.empty({D, N, for_backward ? layer.traits.slots * layer.hidden : 0}), {}};
  for (int64_t s = 0; s < layer.traits.states; s++)
    results.hn.push_back(layer.empty({D, layer.layout.batch, layer.hidden}));
  Backend(layer).forward(results);
  return {results.output, results.hn, results.saved};
}

template <class Backend>
std::tuple<Tensor, Tensors, Tensors, Tensors, Tensors, Tensors> rnn_layer_backward(
    const Tensor& grad_output, const Tensors& grad_hn, const Tensor& x, const Tensors& hx, const Tensors& w_ih,
    const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh, const std::optional<Tensor>& batch_sizes,
    const std::string& cell, const Tensor& output, const Tensor& saved, bool wants_input, bool wants_hx) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh}, batch_sizes, cell);
  const int64_t slots = layer.traits.slots * layer.hidden;
  check(has_shape(saved, {layer.weights.directions(), layer.layout.rows, slots}),
        "rnn_layer_backward: expected what a forward pass with for_backward=True saved, got ", shape_of(saved));
  LayerGradients gradients{output,
                           saved,
                           torch::stable::contiguous(grad_output),
                           {},
                           layer.empty(wants_input ? shape_vector(x) : std::vector<int64_t>{0}),
                           {},
                           detail::empty_like(layer, w_ih),
                           detail::empty_like(layer, w_hh),
                           detail::empty_like(layer, b_ih),
                           detail::empty_like(layer, b_hh)};
  for (const Tensor& grad : grad_hn) {
    gradients.grad_hn.push_back(torch::stable::contiguous(grad));
    if (wants_hx) gradients.d_hx.push_back(layer.empty(shape_vector(grad)));
  }
  Backend(layer).backward(gradients);
  return {gradients.d_input, gradients.d_hx, gradients.d_w_ih, gradients.d_w_hh, gradients.d_b_ih, gradients.d_b_hh};
}

}  // namespace fastlm
