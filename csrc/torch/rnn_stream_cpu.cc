// All layers of a recurrent module on a stream, on the CPU. Shapes as in fastlm/ops/stream.py.
//
// A step takes microseconds, so this is sparing: a check builds its message only when it fails.
#include <tuple>

#include "../cpu/stream.h"
#include "layer.h"
#include "team.h"

namespace fastlm {
namespace {

using Shape = std::initializer_list<int64_t>;

// The numbers of a tensor, which must be dense by now; `dense` keeps a copy alive where it was not.
template <class T>
const T* numbers(const Tensor& tensor, const char* what, ScalarType type, Shape shape, Tensors& dense) {
  if (!tensor.is_cpu()) check(false, "rnn_stream: ", what, " must be on the CPU");
  if (tensor.scalar_type() != type)
    check(false, "rnn_stream: expected ", what, " to be ", torch::headeronly::toString(type), ", got ",
          torch::headeronly::toString(tensor.scalar_type()));
  if (!has_shape(tensor, shape))
    check(false, "rnn_stream: expected ", what, " of shape ", text_of(shape), ", got ", shape_of(tensor));
  if (tensor.is_contiguous()) return static_cast<const T*>(tensor.const_data_ptr());
  return static_cast<const T*>(dense.emplace_back(torch::stable::contiguous(tensor)).const_data_ptr());
}

struct Module {  // a tensor for each layer
  const Tensors &w_ih, &w_hh, &b_ih, &b_hh, &scale_ih, &scale_hh;
};

template <class Weight>
std::tuple<Tensor, Tensors> run(const Tensor& input, const Tensors& hx, const Module& module, const std::string& cell,
                                const CellTraits& traits) {
  const auto kFloat = ScalarType::Float;
  const ScalarType stored = module.w_ih[0].scalar_type();
  const int64_t dims = input.dim(), L = int64_t(module.w_ih.size());
  const int64_t GH = module.w_ih[0].size(0), H = GH / traits.gates;
  const int64_t T = dims == 3 ? input.size(0) : 1, B = dims == 1 ? 1 : input.size(dims - 2), I = input.size(dims - 1);
  Tensors dense;

  cpu::Stream<Weight> stream{T, B, H, {}, nullptr, {}, nullptr, {}};
  for (int64_t l = 0; l < L; l++) {
    auto& layer = stream.layers.emplace_back();
    layer.inputs = l == 0 ? I : H;
    layer.w_ih = numbers<Weight>(module.w_ih[l], "w_ih", stored, {GH, layer.inputs}, dense);
    if (traits.diagonal)
      layer.diagonal = numbers<float>(module.w_hh[l], "w_hh", kFloat, {GH}, dense);
    else
      layer.w_hh = numbers<Weight>(module.w_hh[l], "w_hh", stored, {GH, H}, dense);
    const auto vector = [&](const Tensors& list, const char* what) -> const float* {
      return list.empty() ? nullptr : numbers<float>(list[l], what, kFloat, {GH}, dense);
    };
    layer.b_ih = vector(module.b_ih, "b_ih"), layer.b_hh = vector(module.b_hh, "b_hh");
    layer.scale_ih = vector(module.scale_ih, "scale_ih"), layer.scale_hh = vector(module.scale_hh, "scale_hh");
  }
  if (dims == 3)
    stream.input = numbers<float>(input, "input", kFloat, {T, B, I}, dense);
  else
    stream.input = dims == 2 ? numbers<float>(input, "input", kFloat, {B, I}, dense)
                             : numbers<float>(input, "input", kFloat, {I}, dense);
  for (size_t s = 0; s < hx.size(); s++)
    stream.hx[s] = dims == 1 ? numbers<float>(hx[s], "hx", kFloat, {L, H}, dense)
                             : numbers<float>(hx[s], "hx", kFloat, {L, B, H}, dense);

  std::vector<int64_t> shape = shape_vector(input);
  shape.back() = H;
  const Tensor output = torch::stable::new_empty(input, shape);
  stream.output = output.mutable_data_ptr<float>();
  shape = dims == 1 ? std::vector{L, H} : std::vector{L, B, H};
  Tensors hn;
  for (int64_t s = 0; s < traits.states; s++)
    stream.hn[s] = hn.emplace_back(torch::stable::new_empty(input, shape)).template mutable_data_ptr<float>();
  TorchTeam team;
  if (B > 0) cpu::rnn_stream(cell, stream, team);
  return {output, hn};
}

std::tuple<Tensor, Tensors> rnn_stream(const Tensor& input, const Tensors& hx, const Tensors& w_ih, const Tensors& w_hh,
                                       const Tensors& b_ih, const Tensors& b_hh, const Tensors& scale_ih,
                                       const Tensors& scale_hh, const std::string& cell) {
  const CellTraits traits = traits_of(cell);
  const int64_t dims = input.dim();
  const size_t layers = w_ih.size(), biases = b_ih.size(), scales = scale_ih.size();
  check(dims >= 1 && dims <= 3, "rnn_stream: input must have 1, 2 or 3 dimensions, got ", dims);
  check(dims < 3 || input.size(0) > 0, "rnn_stream: expected sequence length to be larger than 0");
  check(layers > 0, "rnn_stream: expected the weights of one layer or more, got none");
  check(w_hh.size() == layers && (biases == 0 || biases == layers) && b_hh.size() == biases,
        "rnn_stream: expected as many w_hh as w_ih, and as many b_ih and b_hh or none");
  check(hx.empty() || int64_t(hx.size()) == traits.states, "rnn_stream: ", cell, " has ", traits.states,
        " states, got ", hx.size());
  check(w_ih[0].dim() == 2 && w_ih[0].size(0) % traits.gates == 0 && w_ih[0].size(0) > 0,
        "rnn_stream: expected w_ih of shape [", traits.gates, " * hidden, input size]");
  const ScalarType stored = w_ih[0].scalar_type();
  check(scales == (stored == ScalarType::Char ? layers : 0) && scale_hh.size() == (traits.diagonal ? 0 : scales),
        "rnn_stream: expected scales for every int8 matrix, and for no other");
  const Module module{w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh};
  if (stored == ScalarType::Float) return run<float>(input, hx, module, cell, traits);
  if (stored == ScalarType::BFloat16) return run<BFloat16>(input, hx, module, cell, traits);
  check(stored == ScalarType::Char, "rnn_stream: expected weights in float32, bfloat16 or int8, got ",
        torch::headeronly::toString(stored));
  return run<int8_t>(input, hx, module, cell, traits);
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) { m.impl("rnn_stream", TORCH_BOX(&rnn_stream)); }

}  // namespace fastlm
