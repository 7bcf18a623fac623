// One recurrent layer, every direction of it, on any device: what the operators allocate and return.
//
// Backend(layer, tf32) does the work: forward(results) and backward(gradients); Backend::kWidens: 16-bit tensors are
// computed in float32 as a whole. tf32: float32 products may be rounded so. Shapes as in fastlm/ops/rnn.py. D =
// directions, N = rows (steps x batch, or the rows of a PackedSequence).
#pragma once

#include <tuple>

#include "layer.h"

namespace fastlm {

struct LayerResults {
  Tensor output;   // [N, D * P]
  Tensor saved;    // [D, N, saved_width]; empty where no gradient will be asked
  Tensors hn;      // a state each: [D, batch, width(s)]
  Tensors states;  // every state but h of every step: [N, D * H]; empty: not wanted
};

struct LayerGradients {
  Tensor output, saved;  // what forward gave
  Tensor grad_output;    // [N, D * P]
  Tensors grad_hn;       // a state each, as hn
  Tensors grad_states;   // as states
  // To be filled:
  Tensor d_input;                                           // [N, I]; empty: not wanted
  Tensors d_hx;                                             // as hx; empty: not wanted
  Tensors d_w_ih, d_w_hh, d_b_ih, d_b_hh, d_w_hr, d_gains;  // as the weights
};

namespace detail {

inline Tensors empty_like(const Layer& layer, const Tensors& tensors) {
  Tensors results;
  for (const Tensor& tensor : tensors) results.push_back(layer.empty(shape_vector(tensor)));
  return results;
}

inline Tensors stored(const Layer& layer, Tensors tensors) {
  for (Tensor& tensor : tensors) tensor = layer.stored(tensor);
  return tensors;
}

inline Tensors dense(const Layer& layer, Tensors tensors) {
  for (Tensor& tensor : tensors) tensor = layer.dense(tensor);
  return tensors;
}

}  // namespace detail

template <class Backend>
std::tuple<Tensor, Tensors, Tensors, Tensor> rnn_layer(const Tensor& x, const Tensors& hx, const Tensors& w_ih,
                                                       const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh,
                                                       const std::optional<Tensor>& batch_sizes,
                                                       const std::string& cell, const Tensors& w_hr,
                                                       const Tensors& gains, const std::optional<Tensor>& h_mask,
                                                       const std::optional<Tensor>& zoneout_seed, double zoneout_h,
                                                       double zoneout_c, std::optional<double> bptt_clip, bool tf32,
                                                       bool all_states, bool for_backward) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh, w_hr, gains}, batch_sizes, cell,
                    {h_mask, zoneout_seed, zoneout_h, zoneout_c, bptt_clip}, Backend::kWidens);
  const int64_t D = layer.weights.directions(), N = layer.layout.rows;
  LayerResults results{layer.empty(layer.step_shape(layer.outputs)),
                       layer.empty_computed({D, N, for_backward ? layer.saved_width() : 0}),
                       {},
                       {}};
  for (int64_t s = 0; s < layer.traits.states; s++) {
    results.hn.push_back(layer.empty({D, layer.layout.batch, layer.width(s)}));
    if (all_states && s > 0) results.states.push_back(layer.empty(layer.step_shape(layer.hidden)));
  }
  Backend(layer, tf32).forward(results);
  return {layer.stored(results.output), detail::stored(layer, results.hn), detail::stored(layer, results.states),
          results.saved};
}

template <class Backend>
std::tuple<Tensor, Tensors, Tensors, Tensors, Tensors, Tensors, Tensors, Tensors> rnn_layer_backward(
    const Tensor& grad_output, const Tensors& grad_hn, const Tensors& grad_states, const Tensor& x, const Tensors& hx,
    const Tensors& w_ih, const Tensors& w_hh, const Tensors& b_ih, const Tensors& b_hh,
    const std::optional<Tensor>& batch_sizes, const std::string& cell, const Tensors& w_hr, const Tensors& gains,
    const std::optional<Tensor>& h_mask, const std::optional<Tensor>& zoneout_seed, double zoneout_h, double zoneout_c,
    std::optional<double> bptt_clip, bool tf32, const Tensor& output, const Tensor& saved, bool wants_input,
    bool wants_hx) {
  const Layer layer(x, hx, {w_ih, w_hh, b_ih, b_hh, w_hr, gains}, batch_sizes, cell,
                    {h_mask, zoneout_seed, zoneout_h, zoneout_c, bptt_clip}, Backend::kWidens);
  check(has_shape(saved, {layer.weights.directions(), layer.layout.rows, layer.saved_width()}),
        "rnn_layer_backward: expected what a forward pass with for_backward=True saved, got ", shape_of(saved));
  LayerGradients gradients{layer.dense(output),
                           saved,
                           layer.dense(grad_output),
                           detail::dense(layer, grad_hn),
                           detail::dense(layer, grad_states),
                           layer.empty(wants_input ? shape_vector(x) : std::vector<int64_t>{0}),
                           {},
                           detail::empty_like(layer, w_ih),
                           detail::empty_like(layer, w_hh),
                           detail::empty_like(layer, b_ih),
                           detail::empty_like(layer, b_hh),
                           detail::empty_like(layer, w_hr),
                           detail::empty_like(layer, gains)};
  if (wants_hx) gradients.d_hx = detail::empty_like(layer, grad_hn);
  Backend(layer, tf32).backward(gradients);
  const auto stored = [&](const Tensors& tensors) { return detail::stored(layer, tensors); };
  return {layer.stored(gradients.d_input), stored(gradients.d_hx),   stored(gradients.d_w_ih),
          stored(gradients.d_w_hh),        stored(gradients.d_b_ih), stored(gradients.d_b_hh),
          stored(gradients.d_w_hr),        stored(gradients.d_gains)};
}

}  // namespace fastlm
