// Dropout on a GPU: Device as in rnn_layer_gpu.h.
#pragma once

#include "../cuda/dropout.h"
#include "dropout.h"

namespace fastlm {

template <class Device>
struct GpuDropout {
  static void run(const Tensor& seed, double p, const Tensor& input, const Tensor& output) {
    const Device device(input);
    cuda::dropout(number_of(input.scalar_type()), seed.const_data_ptr<int64_t>(), p, input.const_data_ptr(),
                  output.mutable_data_ptr(), input.numel(), device.stream());
  }

 private:
  static cuda::Number number_of(ScalarType type) {
    switch (type) {
      case ScalarType::Float:
        return cuda::Number::kFloat;
      case ScalarType::Double:
        return cuda::Number::kDouble;
      case ScalarType::Half:
        return cuda::Number::kHalf;
      default:
        check(type == ScalarType::BFloat16, "dropout: expected a floating point tensor, got ",
              torch::headeronly::toString(type));
        return cuda::Number::kBFloat16;
    }
  }
};

}  // namespace fastlm
