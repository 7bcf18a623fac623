// The arguments of a recurrence from the tensors of a layer.
#pragma once

#include <type_traits>

#include "../core/rnn/recurrence.h"
#include "rnn_layer.h"

namespace fastlm {

// Direction d of a state each, [D, batch, width]. No tensors: the pointers stay null.
template <class Pointer>
void fill_states(Pointer (&pointers)[kMaxStates], const Layer& layer, int64_t d, const Tensors& states) {
  using T = std::remove_pointer_t<Pointer>;
  for (size_t s = 0; s < states.size(); s++) {
    if constexpr (std::is_const_v<T>)
      pointers[s] = data<std::remove_const_t<T>>(states[s]);
    else
      pointers[s] = mutable_data<T>(states[s]);
    pointers[s] += d * layer.layout.batch * layer.width(s);
  }
}

// The zoneout's seed is left to the caller.
template <class T>
RnnOptions<T> options_of(const Layer& layer, int64_t d) {
  const Regularization& r = layer.regularization;
  RnnOptions<T> options{};
  options.outputs = layer.outputs;
  options.states_stride = layer.weights.directions() * layer.hidden;
  options.w_hr = data<T>(Weights::one(layer.weights.w_hr, d));
  options.gains = data<T>(Weights::one(layer.weights.gains, d));
  if (r.h_mask) options.h_mask = data<T>(*r.h_mask) + d * layer.layout.batch * layer.outputs;
  options.bptt_clip = r.bptt_clip.value_or(0);
  options.zoneout.p[0] = r.zoneout_h, options.zoneout.p[1] = r.zoneout_c;
  options.zoneout.direction = uint32_t(d);
  options.zoneout.random = r.zoneout_seed.has_value();
  return options;
}

// All but x_gates.
template <class T, class C>
void fill_arguments(RnnForward<T, C>& args, const Layer& layer, int64_t d, const Walk& walk,
                    const LayerResults& results) {
  args.walk = walk;
  args.hidden = layer.hidden;
  args.options = options_of<T>(layer, d);
  args.b_ih = data<T>(Weights::one(layer.weights.b_ih, d));
  args.b_hh = data<T>(Weights::one(layer.weights.b_hh, d));
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill_states(args.hx, layer, d, layer.hx);
  args.output = mutable_data<T>(results.output) + d * layer.outputs;
  args.output_stride = layer.weights.directions() * layer.outputs;
  if (results.saved.numel() > 0) {
    args.saved = mutable_data<C>(results.saved) + layer.saved_offset(d);
    args.kept = mutable_data<C>(results.saved) + layer.kept_offset(d);
  }
  fill_states(args.hn, layer, d, results.hn);
  for (size_t s = 0; s < results.states.size(); s++)
    args.states[s + 1] = mutable_data<T>(results.states[s]) + d * layer.hidden;
}

// All but the gradients of the pre-activations.
template <class T, class C>
void fill_arguments(RnnBackward<T, C>& args, const Layer& layer, int64_t d, const Walk& walk,
                    const LayerGradients& gradients) {
  args.walk = walk;
  args.hidden = layer.hidden;
  args.options = options_of<T>(layer, d);
  args.w_hh = data<T>(layer.weights.w_hh[d]);
  fill_states(args.hx, layer, d, layer.hx);
  args.output = data<T>(gradients.output) + d * layer.outputs;
  args.output_stride = args.grad_output_stride = layer.weights.directions() * layer.outputs;
  args.saved = data<C>(gradients.saved) + layer.saved_offset(d);
  args.kept = data<C>(gradients.saved) + layer.kept_offset(d);
  args.grad_output = data<T>(gradients.grad_output) + d * layer.outputs;
  fill_states(args.grad_hn, layer, d, gradients.grad_hn);
  fill_states(args.d_hx, layer, d, gradients.d_hx);
  for (size_t s = 0; s < gradients.grad_states.size(); s++)
    args.grad_states[s + 1] = data<T>(gradients.grad_states[s]) + d * layer.hidden;
}

}  // namespace fastlm
