// The number types of CUDA by torch's name of them.
#pragma once

#include <type_traits>

#include "../cuda/half_types.h"
#include "aten.h"

namespace fastlm {

// Calls function(std::type_identity<T>()) with the number type of a tensor.
template <class Function>
void with_number(const char* op, ScalarType type, Function&& function) {
  if (type == ScalarType::Float) return function(std::type_identity<float>());
  if (type == ScalarType::Double) return function(std::type_identity<double>());
  if (type == ScalarType::Half) return function(std::type_identity<__half>());
  check(type == ScalarType::BFloat16, op, ": expected float32, float64, float16 or bfloat16, got ",
        torch::headeronly::toString(type));
  function(std::type_identity<__nv_bfloat16>());
}

}  // namespace fastlm
