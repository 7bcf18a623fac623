// The gradients that a backward recurrence leaves of each row, and what they make of the parameters' and the input's:
// whole products and sums, by torch.
#pragma once

#include "arguments.h"

namespace fastlm {

class GateGradients {
 public:
  GateGradients(const Layer& layer, int64_t d) : layer_(layer), d_(d) {
    const int64_t N = layer.layout.rows, H = layer.hidden, width = layer.traits.gates * H;
    const bool normed = layer.normed();
    x_gates_ = layer.empty({N, width});
    h_gates_ = layer.traits.gates_add && !normed ? x_gates_ : layer.empty({N, width});
    x_normed_ = normed ? layer.empty({N, width}) : x_gates_;
    h_normed_ = layer.traits.gates_add ? x_normed_ : normed ? layer.empty({N, width}) : h_gates_;
    if (normed && layer.traits.output_apart) state_normed_ = layer.empty({N, H});
    if (layer.projected()) projected_ = layer.empty({N, layer.outputs});
  }

  template <class T, class C>
  void fill(RnnBackward<T, C>& args) const {
    args.d_x_gates = mutable_data<T>(x_gates_);
    args.d_h_gates = mutable_data<T>(h_gates_);
    if (layer_.normed()) {
      args.d_x_normed = mutable_data<T>(x_normed_);
      if (!layer_.traits.gates_add) args.d_h_normed = mutable_data<T>(h_normed_);
    }
    if (state_normed_) args.d_state_normed = mutable_data<T>(*state_normed_);
    if (projected_) args.d_projected = mutable_data<T>(*projected_);
  }

  // before: what U was multiplied with in each row, [N, P]. d_input is added to by the second direction.
  void reduce(LayerGradients& gradients, const Tensor& before) const {
    if (gradients.d_input.numel() > 0) {
      const Tensor part = torch::stable::reshape(mm(x_gates_, layer_.weights.w_ih[d_]), gradients.d_input.sizes());
      copy(gradients.d_input, d_ == 0 ? part : add(gradients.d_input, part));
    }
    copy(gradients.d_w_ih[d_], mm(transposed(x_gates_), layer_.input));
    if (layer_.traits.diagonal)
      copy(gradients.d_w_hh[d_], sum_by_gate(before));
    else
      copy(gradients.d_w_hh[d_], mm(transposed(h_gates_), before));
    if (!gradients.d_b_ih.empty()) {
      copy(gradients.d_b_ih[d_], sum_rows(x_normed_));
      copy(gradients.d_b_hh[d_], layer_.traits.gates_add ? gradients.d_b_ih[d_] : sum_rows(h_normed_));
    }
    const KeptLayout layout = layer_.kept();
    if (projected_) {
      const Tensor unprojected = kept(gradients.saved, layout.unprojected, layer_.hidden);
      copy(gradients.d_w_hr[d_], mm(transposed(*projected_), torch::stable::to(unprojected, layer_.storage)));
    }
    if (layer_.normed()) copy(gradients.d_gains[d_], gain_gradients(gradients.saved, layout));
  }

 private:
  // [G * H], of weights that each unit has for itself.
  Tensor sum_by_gate(const Tensor& before) const {
    const int64_t N = layer_.layout.rows, G = layer_.traits.gates, H = layer_.hidden;
    const Tensor products = multiply(torch::stable::reshape(h_gates_, {N, G, H}), torch::stable::unsqueeze(before, 1));
    return torch::stable::reshape(sum_rows(products), {G * H});
  }

  Tensor gain_gradients(const Tensor& saved, const KeptLayout& layout) const {
    const int64_t H = layer_.hidden, width = layer_.traits.gates * H;
    const auto of = [&](const Tensor& d, int64_t part, int64_t size) {
      return sum_rows(multiply(d, kept(saved, part, size)));
    };
    Tensors parts{of(x_normed_, layout.x_normal, width), of(h_normed_, layout.h_normal, width)};
    if (state_normed_) {
      parts.push_back(of(*state_normed_, layout.state_normal, H));
      parts.push_back(torch::stable::to(sum_rows(*state_normed_), parts[0].scalar_type()));
    }
    return concatenate(parts);
  }

  // A part of what forward kept of each row, [N, size].
  Tensor kept(const Tensor& saved, int64_t begin, int64_t size) const {
    const int64_t N = layer_.layout.rows, width = layer_.kept().width;
    Tensor flat = torch::stable::reshape(saved, {saved.numel()});
    Tensor rows = torch::stable::reshape(torch::stable::narrow(flat, 0, layer_.kept_offset(d_), N * width), {N, width});
    return torch::stable::narrow(rows, 1, begin, size);
  }

  const Layer& layer_;
  const int64_t d_;
  Tensor x_gates_, h_gates_, x_normed_, h_normed_;  // [N, G * H]; behind the layer norm, where there is one
  std::optional<Tensor> state_normed_, projected_;  // [N, H], [N, P]
};

}  // namespace fastlm
