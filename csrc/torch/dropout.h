// Dropout, for any device: what is checked before a kernel runs.
#pragma once

#include "../core/dropout.h"
#include "aten.h"

namespace fastlm {

// Device::run<T>(seed tensor, p, contiguous input, output) for T named by the tag that dispatch gives.
template <class Device>
Tensor dropout(const Tensor& input, const Tensor& seed, double p) {
  check(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
  check(seed.scalar_type() == ScalarType::Long && seed.numel() == 1, "dropout: seed must be one int64 number, got ",
        shape_of(seed));
  check(seed.is_cpu() == input.is_cpu() && seed.get_device_index() == input.get_device_index(),
        "dropout: seed must be on the device of input");
  const Tensor dense = torch::stable::contiguous(input);
  const Tensor output = torch::stable::empty_like(dense);
  if (dense.numel() > 0) Device::run(seed, p, dense, output);
  return output;
}

}  // namespace fastlm
