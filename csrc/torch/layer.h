// One recurrent layer as the operators get it: its tensors, checked and made contiguous, and the layout of its rows.
#pragma once

#include <tuple>

#include "../core/rnn/cells.h"
#include "../core/rnn/sequence.h"
#include "aten.h"

namespace fastlm {

struct CellTraits {
  int64_t gates, states, slots;
  bool diagonal, gates_add;
};

inline CellTraits traits_of(const std::string& cell) {
  return with_cell(cell, []<class Cell>(Cell) {
    return CellTraits{Cell::kGates, Cell::kStates, kSlots<Cell>, Cell::kRecurrence == Recurrence::kDiagonal,
                      Cell::kGatesAdd};
  });
}

struct Weights {  // a tensor for each direction; no biases: empty lists
  Tensors w_ih, w_hh, b_ih, b_hh;

  int64_t directions() const { return int64_t(w_ih.size()); }
  std::optional<Tensor> input_bias(int64_t d) const { return b_ih.empty() ? std::nullopt : std::optional(b_ih[d]); }
  std::optional<Tensor> hidden_bias(int64_t d) const { return b_hh.empty() ? std::nullopt : std::optional(b_hh[d]); }
};

// The layout of the rows, with the arrays that it points to (on the host).
struct Layout {
  std::vector<int64_t> batch_sizes, offsets;
  int64_t steps, batch, rows;

  Layout(const Tensor& input, const std::optional<Tensor>& sizes) {
    if (sizes) {
      check(input.dim() == 2, "rnn_layer: packed input must have 2 dimensions, got ", input.dim());
      check(sizes->is_cpu() && sizes->scalar_type() == ScalarType::Long && sizes->dim() == 1 && sizes->numel() > 0,
            "rnn_layer: batch_sizes must be a non-empty 1D int64 tensor on the CPU");
      const Tensor dense = torch::stable::contiguous(*sizes);
      const int64_t* first = dense.const_data_ptr<int64_t>();
      batch_sizes.assign(first, first + dense.numel());
      steps = dense.numel();
      batch = batch_sizes[0];
      rows = 0;
      for (int64_t t = 0; t < steps; t++) {
        check(batch_sizes[t] > 0 && batch_sizes[t] <= (t ? batch_sizes[t - 1] : batch),
              "rnn_layer: batch_sizes must be positive and never grow");
        offsets.push_back(rows);
        rows += batch_sizes[t];
      }
      check(rows == input.size(0), "rnn_layer: batch_sizes sum to ", rows, ", but input has ", input.size(0), " rows");
    } else {
      check(input.dim() == 3, "rnn_layer: input must have 3 dimensions, got ", input.dim());
      steps = input.size(0), batch = input.size(1), rows = steps * batch;
      check(steps > 0, "rnn_layer: expected sequence length to be larger than 0");
    }
  }

  Walk walk(bool reverse) const {
    if (batch_sizes.empty()) return {{steps, batch}, reverse};
    return {{steps, batch, batch_sizes.data(), offsets.data()}, reverse};
  }
};

struct Layer {
  std::string cell;
  CellTraits traits;
  Weights weights;
  Tensor input;  // [N, input_size], contiguous
  Tensors hx;    // a state each: [D, batch, H]; empty: zeros
  Layout layout;
  int64_t hidden;

  Layer(const Tensor& x, const Tensors& states, Weights w, const std::optional<Tensor>& batch_sizes,
        const std::string& name)
      : cell(name), traits(traits_of(name)), weights(std::move(w)), layout(x, batch_sizes) {
    const int64_t D = weights.directions();
    check(D == 1 || D == 2, "rnn_layer: expected weights for 1 or 2 directions, got ", D);
    check(int64_t(weights.w_hh.size()) == D && (weights.b_ih.empty() || int64_t(weights.b_ih.size()) == D) &&
              weights.b_ih.size() == weights.b_hh.size(),
          "rnn_layer: expected as many w_ih, w_hh, b_ih and b_hh as directions");
    const int64_t features = x.size(-1), G = traits.gates;
    check(weights.w_ih[0].dim() == 2, "rnn_layer: w_ih must have 2 dimensions, got ", weights.w_ih[0].dim());
    hidden = weights.w_ih[0].size(0) / G;
    check(hidden > 0, "rnn_layer: hidden_size must be greater than zero");
    input = torch::stable::reshape(torch::stable::contiguous(x), {layout.rows, features});
    for (int64_t d = 0; d < D; d++) {
      prepare(weights.w_ih[d], "w_ih", {G * hidden, features});
      if (traits.diagonal)
        prepare(weights.w_hh[d], "w_hh", {G * hidden});
      else
        prepare(weights.w_hh[d], "w_hh", {G * hidden, hidden});
      if (!weights.b_ih.empty()) {
        prepare(weights.b_ih[d], "b_ih", {G * hidden});
        prepare(weights.b_hh[d], "b_hh", {G * hidden});
      }
    }
    check(states.empty() || int64_t(states.size()) == traits.states, "rnn_layer: ", cell, " has ", traits.states,
          " states, got ", states.size());
    hx = states;
    for (Tensor& state : hx) prepare(state, "hx", {D, layout.batch, hidden});
  }

  Tensor empty(std::vector<int64_t> shape) const { return torch::stable::new_empty(input, shape); }
  std::vector<int64_t> output_shape() const {
    const int64_t width = weights.directions() * hidden;
    return layout.batch_sizes.empty() ? std::vector{layout.steps, layout.batch, width}
                                      : std::vector{layout.rows, width};
  }

  // Where direction d begins in what forward saves.
  int64_t saved_offset(int64_t d) const { return d * layout.rows * traits.slots * hidden; }

  // h before each row's step, [N, H]: the operand of the gradient of U.
  Tensor hidden_before(const Tensor& output, int64_t d) const {
    const Tensor all = torch::stable::reshape(output, {layout.rows, weights.directions() * hidden});
    const Tensor h = torch::stable::narrow(const_cast<Tensor&>(all), 1, d * hidden, hidden);
    const Tensor start =
        hx.empty() ? torch::stable::new_zeros(input, {layout.batch, hidden}) : torch::stable::select(hx[0], 0, d);
    const int64_t rest = layout.rows - layout.batch;
    if (layout.batch_sizes.empty())
      return d == 0 ? concatenate({start, rows_of(h, 0, rest)})
                    : concatenate({rows_of(h, layout.batch, layout.rows), start});
    const Walk walk = layout.walk(d == 1);
    const Tensor index = torch::stable::empty({layout.rows}, ScalarType::Long);
    int64_t* at = index.mutable_data_ptr<int64_t>();
    for (int64_t t = 0; t < layout.steps; t++)
      for (int64_t b = 0; b < layout.batch_sizes[t]; b++)
        *at++ = b < walk.continued(t) ? walk.sequence.row(walk.before(t), b) : layout.rows + b;
    return select_rows(concatenate({h, start}), torch::stable::to(index, input.device()));
  }

 private:
  void prepare(Tensor& tensor, const char* what, std::initializer_list<int64_t> shape) const {
    check(tensor.scalar_type() == input.scalar_type(), "rnn_layer: ", what, " must have the dtype of input, ",
          torch::headeronly::toString(input.scalar_type()), ", got ",
          torch::headeronly::toString(tensor.scalar_type()));
    check(tensor.is_cpu() == input.is_cpu() && tensor.get_device_index() == input.get_device_index(),
          "rnn_layer: ", what, " must be on the device of input");
    std::string expected;
    for (int64_t size : shape) expected += (expected.empty() ? "" : ", ") + std::to_string(size);
    check(has_shape(tensor, shape), "rnn_layer: expected ", what, " of shape [", expected, "], got ", shape_of(tensor));
    tensor = torch::stable::contiguous(tensor);
  }
};

}  // namespace fastlm
