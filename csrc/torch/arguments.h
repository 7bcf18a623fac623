// The arguments of a recurrence from the tensors of a layer.
#pragma once

#include <type_traits>

#include "../core/rnn/recurrence.h"
#include "rnn_layer.h"

namespace fastlm {

template <class T>
const T* data(const Tensor& tensor) {
  return tensor.const_data_ptr<T>();
}

template <class T>
const T* data(const std::optional<Tensor>& tensor) {
  return tensor ? tensor->const_data_ptr<T>() : nullptr;
}

// Direction d of a state each, [D, batch, H]. No tensors: the pointers stay null.
template <class Pointer>
void fill_states(Pointer (&pointers)[kMaxStates], const Layer& layer, int64_t d, const Tensors& states) {
  using T = std::remove_pointer_t<Pointer>;
  for (size_t s = 0; s < states.size(); s++) {
    if constexpr (std::is_const_v<T>)
      pointers[s] = data<std::remove_const_t<T>>(states[s]);
    else
      pointers[s] = states[s].mutable_data_ptr<T>();
    pointers[s] += d * layer.layout.batch * layer.width(s);
  }
}

// All but x_gates.
template <class T>
void fill_arguments(RnnForward<T>& args, const Layer& layer, int64_t d, const Walk& walk, const LayerResults& results) {
  args.walk = walk;
  args.hidden = layer.hidden;
  args.b_ih = data<T>(Weights::one(layer.weights.b_ih, d));
  args.b_hh = data<T>(Weights::one(layer.weights.b_hh, d));
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill_states(args.hx, layer, d, layer.hx);
  args.output = results.output.mutable_data_ptr<T>() + d * layer.outputs;
  args.output_stride = layer.weights.directions() * layer.outputs;
  if (results.saved.numel() > 0) args.saved = results.saved.mutable_data_ptr<T>() + layer.saved_offset(d);
  fill_states(args.hn, layer, d, results.hn);
}

template <class T>
void fill_arguments(RnnBackward<T>& args, const Layer& layer, int64_t d, const Walk& walk,
                    const LayerGradients& gradients) {
  args.walk = walk;
  args.hidden = layer.hidden;
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill_states(args.hx, layer, d, layer.hx);
  args.output = data<T>(gradients.output) + d * layer.outputs;
  args.output_stride = args.grad_output_stride = layer.weights.directions() * layer.outputs;
  args.saved = data<T>(gradients.saved) + layer.saved_offset(d);
  args.grad_output = data<T>(gradients.grad_output) + d * layer.outputs;
  fill_states(args.grad_hn, layer, d, gradients.grad_hn);
  fill_states(args.d_hx, layer, d, gradients.d_hx);
}

}  // namespace fastlm
