// The recurrent layer on the CPU.
#include "../cpu/rnn.h"
#include "arguments.h"
#include "team.h"

namespace fastlm {
namespace {

class Cpu {
 public:
  static constexpr bool kWidens = true;

  Cpu(const Layer& layer, bool) : layer_(layer) {}

  void forward(LayerResults& results) const {
    dispatch_floating("rnn_layer", layer_.input.scalar_type(), [&]<class T>(T) {
      std::vector<cpu::LayerForward<T>> directions;
      for (int64_t d = 0; d < layer_.weights.directions(); d++) {
        auto& args = directions.emplace_back();
        fill_arguments(args, layer_, d, layer_.layout.walk(d == 1), results);
        fill_layer(args, d);
      }
      TorchTeam team;
      cpu::rnn_forward(layer_.cell, directions, team);
    });
  }

  void backward(LayerGradients& gradients) const {
    dispatch_floating("rnn_layer_backward", layer_.input.scalar_type(), [&]<class T>(T) {
      std::vector<cpu::LayerBackward<T>> directions;
      const int64_t D = layer_.weights.directions();
      T* const d_input = gradients.d_input.numel() > 0 ? gradients.d_input.mutable_data_ptr<T>() : nullptr;
      if (d_input && D > 1) std::fill_n(d_input, gradients.d_input.numel(), T(0));  // both add to it
      const auto one = [](const Tensors& list, int64_t d) {
        return list.empty() ? nullptr : list[d].mutable_data_ptr<T>();
      };
      for (int64_t d = 0; d < D; d++) {
        auto& args = directions.emplace_back();
        fill_arguments(args, layer_, d, layer_.layout.walk(d == 1), gradients);
        fill_layer(args, d);
        args.d_input = d_input;
        args.add_input = D > 1;
        args.d_w_ih = one(gradients.d_w_ih, d), args.d_w_hh = one(gradients.d_w_hh, d);
        args.d_b_ih = one(gradients.d_b_ih, d), args.d_b_hh = one(gradients.d_b_hh, d);
        args.d_w_hr = one(gradients.d_w_hr, d), args.d_gains = one(gradients.d_gains, d);
      }
      TorchTeam team;
      cpu::rnn_backward(layer_.cell, directions, team);
    });
  }

 private:
  // What forward and backward are given alike: LayerForward<T> or LayerBackward<T>.
  template <template <class> class Args, class T>
  void fill_layer(Args<T>& args, int64_t d) const {
    args.inputs = layer_.input.size(1);
    args.input = data<T>(layer_.input);
    args.w_ih = data<T>(layer_.weights.w_ih[d]);
    if (const auto& seed = layer_.regularization.zoneout_seed)
      args.options.zoneout.seed = uint64_t(*seed->template const_data_ptr<int64_t>());
  }

  const Layer& layer_;
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<Cpu>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<Cpu>));
}

}  // namespace fastlm
