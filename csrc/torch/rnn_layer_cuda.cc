// The recurrent layer on a GPU.
#include <algorithm>

#include "../cuda/rnn.h"
#include "aten_products.h"
#include "cuda.h"

namespace fastlm {
namespace {

// Everything is enqueued on torch's current stream, where all memory used here was allocated too: so torch may give it
// to others as soon as the tensor is gone, and a later use waits for ours.
class Gpu {
 public:
  explicit Gpu(const Layer& layer) : layer_(layer), device_(layer.input), limits_(cuda::device_limits()) {
    const Layout& layout = layer.layout;
    if (layout.batch_sizes.empty()) return;
    const Tensor host = torch::stable::empty({2 * layout.steps}, ScalarType::Long);
    int64_t* numbers = host.mutable_data_ptr<int64_t>();
    std::copy(layout.batch_sizes.begin(), layout.batch_sizes.end(), numbers);
    std::copy(layout.offsets.begin(), layout.offsets.end(), numbers + layout.steps);
    walk_arrays_ = torch::stable::to(host, layer.input.device());
  }

  // The walk with its arrays on the device.
  Walk walk(bool reverse) const {
    Walk walk = layer_.layout.walk(reverse);
    if (walk_arrays_) {
      walk.sequence.batch_sizes = walk_arrays_->const_data_ptr<int64_t>();
      walk.sequence.offsets = walk.sequence.batch_sizes + layer_.layout.steps;
    }
    return walk;
  }

  template <class T>
  void forward(const std::string& cell, const RnnForward<T>& args) const {
    const Tensor workspace = layer_.empty({cuda::forward_workspace(cell, args, limits_)});
    cuda::rnn_forward(cell, args, limits_, workspace.mutable_data_ptr<T>(), device_.stream());
  }

  template <class T>
  void backward(const std::string& cell, const RnnBackward<T>& args) const {
    const Tensor workspace = layer_.empty({cuda::backward_workspace(cell, args, limits_)});
    cuda::rnn_backward(cell, args, limits_, workspace.mutable_data_ptr<T>(), device_.stream());
  }

 private:
  const Layer& layer_;
  OnDeviceOf device_;
  cuda::DeviceLimits limits_;
  std::optional<Tensor> walk_arrays_;  // batch sizes, offsets: [2 * steps] int64
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CUDA, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<WithAtenProducts<Gpu>>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<WithAtenProducts<Gpu>>));
}

}  // namespace fastlm
