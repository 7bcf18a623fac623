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
        fill_layer(args, d);
        if (args.saved) args.kept = results.saved.mutable_data_ptr<T>() + layer_.kept_offset(d);
        for (size_t s = 0; s < results.states.size(); s++)
          args.states[s + 1] = results.states[s].mutable_data_ptr<T>() + d * layer_.hidden;
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
        args.kept = data<T>(gradients.saved) + layer_.kept_offset(d);
        for (size_t s = 0; s < gradients.grad_states.size(); s++)
          args.grad_states[s + 1] = data<T>(gradients.grad_states[s]) + d * layer_.hidden;
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
    const Regularization& r = layer_.regularization;
    args.inputs = layer_.input.size(1);
    args.input = data<T>(layer_.input);
    args.w_ih = data<T>(layer_.weights.w_ih[d]);
    args.options.outputs = layer_.outputs;
    args.options.states_stride = layer_.weights.directions() * layer_.hidden;
    args.options.w_hr = data<T>(Weights::one(layer_.weights.w_hr, d));
    args.options.gains = data<T>(Weights::one(layer_.weights.gains, d));
    if (r.h_mask) args.options.h_mask = data<T>(*r.h_mask) + d * layer_.layout.batch * layer_.outputs;
    args.options.bptt_clip = r.bptt_clip.value_or(0);
    Zoneout& zoneout = args.options.zoneout;
    zoneout.p[0] = r.zoneout_h, zoneout.p[1] = r.zoneout_c;
    zoneout.direction = uint32_t(d);
    if ((zoneout.random = r.zoneout_seed.has_value()))
      zoneout.seed = uint64_t(*r.zoneout_seed->template const_data_ptr<int64_t>());
  }

  const Layer& layer_;
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<Cpu>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<Cpu>));
}

}  // namespace fastlm
