// What the bindings need of torch: calling its operators through the stable ABI, checks, and dispatch on the dtype.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <array>
#include <initializer_list>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace fastlm {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using Tensors = std::vector<Tensor>;

// Raises RuntimeError in Python, with just these words.
template <class... Part>
void check(bool condition, const Part&... parts) {
  if (condition) return;
  std::ostringstream message;
  (message << ... << parts);
  throw std::runtime_error(message.str());
}

template <class Sizes>
std::string text_of(const Sizes& sizes) {
  std::string text;
  for (int64_t size : sizes) text += (text.empty() ? "[" : ", ") + std::to_string(size);
  return text.empty() ? "[]" : text + "]";
}

inline std::string shape_of(const Tensor& tensor) { return text_of(tensor.sizes()); }

inline std::vector<int64_t> shape_vector(const Tensor& tensor) {
  return {tensor.sizes().begin(), tensor.sizes().end()};
}

inline bool has_shape(const Tensor& tensor, std::initializer_list<int64_t> shape) {
  return tensor.dim() == int64_t(shape.size()) && std::equal(shape.begin(), shape.end(), tensor.sizes().begin());
}

// Calls an operator of torch by its name.
template <class Result = Tensor, class... Argument>
Result call_aten(const char* name, const char* overload, const Argument&... arguments) {
  std::array<StableIValue, sizeof...(Argument)> stack{torch::stable::detail::from(arguments)...};
  TORCH_ERROR_CODE_CHECK(torch_call_dispatcher(name, overload, stack.data(), TORCH_ABI_VERSION));
  return torch::stable::detail::to<Result>(stack[0]);
}

inline Tensor mm(const Tensor& a, const Tensor& b) { return call_aten("aten::mm", "", a, b); }
inline void mm_to(const Tensor& to, const Tensor& a, const Tensor& b) { call_aten("aten::mm", "out", a, b, to); }
inline Tensor multiply(const Tensor& a, const Tensor& b) { return call_aten("aten::mul", "Tensor", a, b); }
// The stable ABI has no add, but a subtract with a factor.
inline Tensor add(const Tensor& a, const Tensor& b) { return torch::stable::subtract(a, b, -1.0); }
inline void copy(const Tensor& to, const Tensor& from) { torch::stable::copy_(const_cast<Tensor&>(to), from); }
inline Tensor transposed(const Tensor& matrix) { return torch::stable::transpose(matrix, 0, 1); }
inline Tensor concatenate(const Tensors& parts) { return call_aten("aten::cat", "", parts, int64_t(0)); }
inline Tensor sum_rows(const Tensor& tensor) {
  return torch::stable::sum(tensor, std::vector<int64_t>{0}, false, std::nullopt);
}

// T is what the tensor's dtype is dispatched to: one that torch need not know.
template <class T>
const T* data(const Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

template <class T>
const T* data(const std::optional<Tensor>& tensor) {
  return tensor ? data<T>(*tensor) : nullptr;
}

template <class T>
T* mutable_data(const Tensor& tensor) {
  return static_cast<T*>(tensor.mutable_data_ptr());
}

// Calls function(T()) with the C++ type of a float32 or float64 tensor.
template <class Function>
decltype(auto) dispatch_floating(const char* op, ScalarType type, Function&& function) {
  check(type == ScalarType::Float || type == ScalarType::Double, op, ": expected float32 or float64, got ",
        torch::headeronly::toString(type));
  return type == ScalarType::Float ? function(float()) : function(double());
}

}  // namespace fastlm
