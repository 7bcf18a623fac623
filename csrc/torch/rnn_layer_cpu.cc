// The recurrent layer on the CPU.
#include "../cpu/rnn.h"
#include "rnn_layer.h"
#include "team.h"

namespace fastlm {
namespace {

struct Cpu {
  static void forward(const DirectionForward& f) {
    dispatch_floating("rnn_layer", f.layer.input.scalar_type(), [&]<class T>(T) {
      const Layer& layer = f.layer;
      const int64_t d = f.direction, H = layer.hidden, width = layer.weights.directions() * H;
      cpu::RnnForward<T> args{layer.layout.walk(d == 1),
                              H,
                              data<T>(f.x_gates),
                              data<T>(layer.weights.input_bias(d)),
                              data<T>(layer.weights.hidden_bias(d)),
                              data<T>(layer.weights.w_hh[d]),
                              states<T>(layer, d),
                              f.output.mutable_data_ptr<T>() + d * H,
                              width,
                              f.saved.mutable_data_ptr<T>() + d * layer.layout.rows * layer.traits.slots * H,
                              {}};
      for (const Tensor& state : f.hn) args.hn.push_back(state.mutable_data_ptr<T>() + d * layer.layout.batch * H);
      TorchTeam team;
      cpu::rnn_forward(layer.cell, args, team);
    });
  }

  static void backward(const DirectionBackward& b) {
    dispatch_floating("rnn_layer_backward", b.layer.input.scalar_type(), [&]<class T>(T) {
      const Layer& layer = b.layer;
      const int64_t d = b.direction, H = layer.hidden, width = layer.weights.directions() * H;
      cpu::RnnBackward<T> args{layer.layout.walk(d == 1),
                               H,
                               data<T>(layer.weights.w_hh[d]),
                               states<T>(layer, d),
                               data<T>(b.output) + d * H,
                               width,
                               data<T>(b.saved) + d * layer.layout.rows * layer.traits.slots * H,
                               data<T>(b.grad_output) + d * H,
                               width,
                               {},
                               b.d_x_gates.mutable_data_ptr<T>(),
                               b.d_h_gates.mutable_data_ptr<T>(),
                               {}};
      const int64_t state_size = d * layer.layout.batch * H;
      for (const Tensor& grad : b.grad_hn) args.grad_hn.push_back(data<T>(grad) + state_size);
      for (const Tensor& grad : b.d_hx) args.d_hx.push_back(grad.mutable_data_ptr<T>() + state_size);
      TorchTeam team;
      cpu::rnn_backward(layer.cell, args, team);
    });
  }

 private:
  template <class T>
  static const T* data(const Tensor& tensor) {
    return tensor.const_data_ptr<T>();
  }
  template <class T>
  static const T* data(const std::optional<Tensor>& tensor) {
    return tensor ? tensor->const_data_ptr<T>() : nullptr;
  }
  template <class T>
  static std::vector<const T*> states(const Layer& layer, int64_t d) {
    std::vector<const T*> pointers(layer.traits.states, nullptr);
    for (size_t s = 0; s < layer.hx.size(); s++)
      pointers[s] = data<T>(layer.hx[s]) + d * layer.layout.batch * layer.hidden;
    return pointers;
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<Cpu>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<Cpu>));
}

}  // namespace fastlm
