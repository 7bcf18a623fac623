// A layer on a device that has only the recurrence: the products before and after it are torch's.
#pragma once

#include "arguments.h"

namespace fastlm {

// Device(layer) supplies what goes step by step: walk(reverse), forward(cell, RnnForward<T>) and
// backward(cell, RnnBackward<T>).
template <class Device>
class WithAtenProducts {
 public:
  explicit WithAtenProducts(const Layer& layer) : layer_(layer), device_(layer) {
    check(!layer.projected() && !layer.normed() && !layer.regularization.any(),
          "rnn_layer: proj_size, layer_norm, recurrent dropout, zoneout and bptt_clip are for the CPU so far; move the "
          "module and its input to the CPU, or leave these options out");
  }

  void forward(LayerResults& results) const {
    check(results.states.empty(), "rnn_layer: all_states is for the CPU so far");
    const int64_t D = layer_.weights.directions(), slots = layer_.traits.slots * layer_.hidden;
    LayerResults kept = results;
    if (results.saved.numel() == 0) kept.saved = layer_.empty({D, layer_.layout.rows, slots});  // the kernels write it
    for (int64_t d = 0; d < D; d++) {
      const Tensor x_gates = mm(layer_.input, transposed(layer_.weights.w_ih[d]));
      dispatch_floating("rnn_layer", layer_.input.scalar_type(), [&]<class T>(T) {
        RnnForward<T> args{};
        fill_arguments(args, layer_, d, device_.walk(d == 1), kept);
        args.x_gates = data<T>(x_gates);
        device_.forward(layer_.cell, args);
      });
    }
  }

  void backward(LayerGradients& gradients) const {
    const int64_t N = layer_.layout.rows, G = layer_.traits.gates, H = layer_.hidden;
    for (int64_t d = 0; d < layer_.weights.directions(); d++) {
      const Tensor d_x_gates = layer_.empty({N, G * H});
      const Tensor d_h_gates = layer_.traits.gates_add ? d_x_gates : layer_.empty({N, G * H});
      dispatch_floating("rnn_layer_backward", layer_.input.scalar_type(), [&]<class T>(T) {
        RnnBackward<T> args{};
        fill_arguments(args, layer_, d, device_.walk(d == 1), gradients);
        args.d_x_gates = d_x_gates.mutable_data_ptr<T>();
        args.d_h_gates = d_h_gates.mutable_data_ptr<T>();
        device_.backward(layer_.cell, args);
      });
      if (gradients.d_input.numel() > 0) {
        const Tensor part = torch::stable::reshape(mm(d_x_gates, layer_.weights.w_ih[d]), gradients.d_input.sizes());
        copy(gradients.d_input, d == 0 ? part : add(gradients.d_input, part));
      }
      copy(gradients.d_w_ih[d], mm(transposed(d_x_gates), layer_.input));
      const Tensor before = layer_.hidden_before(gradients.output, d);
      copy(gradients.d_w_hh[d],
           layer_.traits.diagonal
               ? torch::stable::reshape(sum_rows(multiply(torch::stable::reshape(d_h_gates, {N, G, H}),
                                                          torch::stable::unsqueeze(before, 1))),
                                        {G * H})
               : mm(transposed(d_h_gates), before));
      if (!gradients.d_b_ih.empty()) {
        copy(gradients.d_b_ih[d], sum_rows(d_x_gates));
        copy(gradients.d_b_hh[d], layer_.traits.gates_add ? gradients.d_b_ih[d] : sum_rows(d_h_gates));
      }
    }
  }

 private:
  const Layer& layer_;
  Device device_;
};

}  // namespace fastlm
