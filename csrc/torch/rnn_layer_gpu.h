// One recurrent layer on a GPU: the products before and behind the steps are torch's, the steps are csrc/cuda's.
//
// Everything is enqueued on the device's stream, where all memory used here was allocated too: so torch may give it to
// others as soon as a tensor is gone, and a later use waits for ours.
#pragma once

#include "../cuda/rnn.h"
#include "../cuda/upload.h"
#include "arguments.h"
#include "gate_gradients.h"
#include "gpu_number.h"

namespace fastlm {

// Device(tensor) makes the tensor's device current; stream() is the one to enqueue on.
template <class Device>
class GpuLayer {
 public:
  static constexpr bool kWidens = false;

  GpuLayer(const Layer& layer, bool tf32)
      : layer_(layer),
        device_(layer.input),
        limits_(cuda::device_limits()),
        precision_(tf32 ? cuda::Precision::kTf32 : cuda::Precision::kExact) {
    const Layout& layout = layer.layout;
    if (layout.batch_sizes.empty()) return;
    walk_arrays_ = torch::stable::new_empty(layer.input, {2 * layout.steps}, ScalarType::Long);
    int64_t* const on_device = mutable_data<int64_t>(*walk_arrays_);
    cuda::upload(layout.batch_sizes.data(), layout.steps, on_device, device_.stream());
    cuda::upload(layout.offsets.data(), layout.steps, on_device + layout.steps, device_.stream());
  }

  void forward(LayerResults& results) const {
    for (int64_t d = 0; d < layer_.weights.directions(); d++) {
      const Tensor x_gates = mm(layer_.input, transposed(layer_.weights.w_ih[d]));
      with_number("rnn_layer", layer_.storage, [&]<class T>(std::type_identity<T>) {
        cuda::Forward<T> args{};
        fill(args, d, results);
        args.x_gates = data<T>(x_gates);
        Tensor space;
        cuda::rnn_forward<T>(layer_.cell, args, precision_, limits_, workspace(space), device_.stream());
      });
    }
  }

  void backward(LayerGradients& gradients) const {
    for (int64_t d = 0; d < layer_.weights.directions(); d++) {
      const GateGradients gates(layer_, d);
      const Tensor before = layer_.empty({layer_.layout.rows, layer_.outputs});
      with_number("rnn_layer_backward", layer_.storage, [&]<class T>(std::type_identity<T>) {
        cuda::Backward<T> args{};
        fill(args, d, gradients);
        gates.fill(args);
        Tensor space;
        cuda::rnn_backward<T>(layer_.cell, args, precision_, limits_, workspace(space), device_.stream());
        cuda::recurrent_operand<T>(args, mutable_data<T>(before), device_.stream());
      });
      gates.reduce(gradients, before);
    }
  }

 private:
  template <class Args, class Tensors>
  void fill(Args& args, int64_t d, const Tensors& tensors) const {
    Walk walk = layer_.layout.walk(d == 1);
    if (walk_arrays_) {
      walk.sequence.batch_sizes = data<int64_t>(*walk_arrays_);
      walk.sequence.offsets = walk.sequence.batch_sizes + layer_.layout.steps;
    }
    fill_arguments(args, layer_, d, walk, tensors);
    if (const auto& seed = layer_.regularization.zoneout_seed) args.options.zoneout.seed_at = data<int64_t>(*seed);
  }

  // What it gives lies in `space`.
  cuda::Allocate workspace(Tensor& space) const {
    return [this, &space](int64_t bytes) {
      space = torch::stable::new_empty(layer_.input, {bytes}, ScalarType::Byte);
      return space.mutable_data_ptr();
    };
  }

  const Layer& layer_;
  Device device_;
  cuda::DeviceLimits limits_;
  cuda::Precision precision_;
  std::optional<Tensor> walk_arrays_;  // batch sizes, offsets: [2 * steps] int64, on the device
};

}  // namespace fastlm
