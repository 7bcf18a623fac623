// The recurrent layer on the CPU.
#include "../cpu/rnn.h"
#include "arguments.h"
#include "team.h"

namespace fastlm {
namespace {

class Cpu {
 public:
  explicit Cpu(const Layer& layer) : layer_(layer) {}

  void forward(LayerResults& results) const {
    dispatch_floating("rnn_layer", layer_.input.scalar_type(), [&]<class T>(T) {
      std::vector<cpu::LayerForward<T>> directions;
      for (int64_t d = 0; d < layer_.weights.directions(); d++) {
        auto& args = directions.emplace_back();
        fill_arguments(args, layer_, d, layer_.layout.walk(d == 1), results);
        args.inputs = layer_.input.size(1);
        args.input = data<T>(layer_.input);
        args.w_ih = data<T>(layer_.weights.w_ih[d]);
      }
      TorchTeam team;
      cpu::rnn_forward(layer_.cell, directions, team);
    });
  }

  void backward(LayerGradients& gradients) const {
    const int64_t N = layer_.layout.rows, gate_size = layer_.traits.gates * layer_.hidden;
    Tensors d_gates;  // live until the kernels are done
    dispatch_floating("rnn_layer_backward", layer_.input.scalar_type(), [&]<class T>(T) {
      std::vector<cpu::LayerBackward<T>> directions;
      for (int64_t d = 0; d < layer_.weights.directions(); d++) {
        const Tensor d_x_gates = d_gates.emplace_back(layer_.empty({N, gate_size}));
        const Tensor d_h_gates =
            layer_.traits.gates_add ? d_x_gates : d_gates.emplace_back(layer_.empty({N, gate_size}));
        auto& args = directions.emplace_back();
        fill_arguments(args, layer_, d, layer_.layout.walk(d == 1), gradients, d_x_gates, d_h_gates);
        args.inputs = layer_.input.size(1);
        args.input = data<T>(layer_.input);
        args.w_ih = data<T>(layer_.weights.w_ih[d]);
        if (gradients.d_input.numel() > 0) args.d_input = gradients.d_input.mutable_data_ptr<T>();
        args.add_input = d > 0;
        args.d_w_ih = gradients.d_w_ih[d].mutable_data_ptr<T>();
        args.d_w_hh = gradients.d_w_hh[d].mutable_data_ptr<T>();
        if (!gradients.d_b_ih.empty()) {
          args.d_b_ih = gradients.d_b_ih[d].mutable_data_ptr<T>();
          args.d_b_hh = gradients.d_b_hh[d].mutable_data_ptr<T>();
        }
      }
      TorchTeam team;
      cpu::rnn_backward(layer_.cell, directions, team);
    });
  }

 private:
  const Layer& layer_;
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<Cpu>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<Cpu>));
}

}  // namespace fastlm
