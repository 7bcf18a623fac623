// One recurrent layer as the operators get it: its tensors, checked and made contiguous, and the layout of its rows.
#pragma once

#include <tuple>

#include "../core/rnn/cells.h"
#include "../core/rnn/options.h"
#include "../core/rnn/sequence.h"
#include "aten.h"

namespace fastlm {

struct CellTraits {
  int64_t gates, states, slots;
  bool diagonal, gates_add, output_apart;
};

inline CellTraits traits_of(const std::string& cell) {
  return with_cell(cell, []<class Cell>(Cell) {
    return CellTraits{Cell::kGates,    Cell::kStates,     kSlots<Cell>, Cell::kRecurrence == Recurrence::kDiagonal,
                      Cell::kGatesAdd, kOutputApart<Cell>};
  });
}

// A tensor for each direction. No biases, no projection, no layer norm: empty lists.
struct Weights {
  Tensors w_ih, w_hh, b_ih, b_hh, w_hr, gains;

  int64_t directions() const { return int64_t(w_ih.size()); }

  static std::optional<Tensor> one(const Tensors& list, int64_t d) {
    return list.empty() ? std::nullopt : std::optional(list[d]);
  }
};

// As in fastlm/ops/rnn.py.
struct Regularization {
  std::optional<Tensor> h_mask, zoneout_seed;
  double zoneout_h, zoneout_c;
  std::optional<double> bptt_clip;
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

// Tensors are dense; of the number type to compute in where `widens` (float32 for the 16-bit types), else as they are
// stored.
struct Layer {
  std::string cell;
  CellTraits traits;
  Weights weights;
  Regularization regularization;
  ScalarType storage;  // of the tensors that came, and go
  bool widens;
  Tensor input;  // [N, input_size]
  Tensors hx;    // a state each: [D, batch, width(s)]; empty: zeros
  Layout layout;
  int64_t hidden, outputs;

  Layer(const Tensor& x, const Tensors& states, Weights w, const std::optional<Tensor>& batch_sizes,
        const std::string& name, Regularization r, bool widens)
      : cell(name),
        traits(traits_of(name)),
        weights(std::move(w)),
        regularization(std::move(r)),
        storage(x.scalar_type()),
        widens(widens),
        layout(x, batch_sizes) {
    const int64_t D = weights.directions();
    check(D == 1 || D == 2, "rnn_layer: expected weights for 1 or 2 directions, got ", D);
    const auto fits = [&](const Tensors& list) { return list.empty() || int64_t(list.size()) == D; };
    check(int64_t(weights.w_hh.size()) == D && fits(weights.b_ih) && weights.b_ih.size() == weights.b_hh.size() &&
              fits(weights.w_hr) && fits(weights.gains),
          "rnn_layer: expected as many w_ih, w_hh, b_ih and b_hh as directions");
    const int64_t features = x.size(-1), G = traits.gates;
    check(weights.w_ih[0].dim() == 2, "rnn_layer: w_ih must have 2 dimensions, got ", weights.w_ih[0].dim());
    hidden = weights.w_ih[0].size(0) / G;
    check(hidden > 0, "rnn_layer: hidden_size must be greater than zero");
    check(!projected() || traits.output_apart, "rnn_layer: ", cell, " can't have a projection");
    check(!normed() || !traits.diagonal, "rnn_layer: ", cell, " can't have a layer norm");
    outputs = projected() ? weights.w_hr[0].size(0) : hidden;
    input = torch::stable::reshape(dense(x), {layout.rows, features});
    for (int64_t d = 0; d < D; d++) {
      prepare(weights.w_ih[d], "w_ih", {G * hidden, features});
      if (traits.diagonal)
        prepare(weights.w_hh[d], "w_hh", {G * hidden});
      else
        prepare(weights.w_hh[d], "w_hh", {G * hidden, outputs});
      if (!weights.b_ih.empty()) {
        prepare(weights.b_ih[d], "b_ih", {G * hidden});
        prepare(weights.b_hh[d], "b_hh", {G * hidden});
      }
      if (projected()) prepare(weights.w_hr[d], "w_hr", {outputs, hidden});
      if (normed()) prepare(weights.gains[d], "gains", {gain_count(int(G), hidden, traits.output_apart)});
    }
    check(states.empty() || int64_t(states.size()) == traits.states, "rnn_layer: ", cell, " has ", traits.states,
          " states, got ", states.size());
    hx = states;
    for (size_t s = 0; s < hx.size(); s++) prepare(hx[s], "hx", {D, layout.batch, width(s)});
    check_regularization();
  }

  bool projected() const { return !weights.w_hr.empty(); }
  bool normed() const { return !weights.gains.empty(); }
  int64_t width(size_t s) const { return s == 0 ? outputs : hidden; }  // of a state

  // The same tensor to compute with, and one that was computed, as it is stored.
  Tensor dense(const Tensor& tensor) const {
    const Tensor wide = widens && is_half() ? torch::stable::to(tensor, ScalarType::Float) : tensor;
    return wide.is_contiguous() ? wide : torch::stable::contiguous(wide);
  }
  Tensor stored(const Tensor& tensor) const {
    return widens && is_half() ? torch::stable::to(tensor, storage) : tensor;
  }

  Tensor empty(std::vector<int64_t> shape) const { return torch::stable::new_empty(input, shape); }
  // Of the numbers that are computed with.
  Tensor empty_computed(std::vector<int64_t> shape) const {
    return torch::stable::new_empty(input, shape, is_half() ? ScalarType::Float : storage);
  }
  // Of a state of every step, both directions side by side, `width` numbers each.
  std::vector<int64_t> step_shape(int64_t width) const {
    width *= weights.directions();
    return layout.batch_sizes.empty() ? std::vector{layout.steps, layout.batch, width}
                                      : std::vector{layout.rows, width};
  }

  KeptLayout kept() const {
    const bool mixed = regularization.zoneout_h > 0 && !regularization.zoneout_seed;
    return {int(traits.gates), hidden, traits.output_apart, projected(), normed(), mixed};
  }

  // What forward saves of a row: the cell's slots and what the options keep. First all rows' slots, then all rows'
  // rest.
  int64_t saved_width() const { return traits.slots * hidden + kept().width; }
  int64_t saved_offset(int64_t d) const { return d * layout.rows * saved_width(); }
  int64_t kept_offset(int64_t d) const { return saved_offset(d) + layout.rows * traits.slots * hidden; }

 private:
  bool is_half() const { return storage == ScalarType::Half || storage == ScalarType::BFloat16; }

  void check_regularization() {
    const auto& [h_mask, seed, zoneout_h, zoneout_c, clip] = regularization;
    if (h_mask) prepare(*regularization.h_mask, "h_mask", {weights.directions(), layout.batch, outputs});
    for (double p : {zoneout_h, zoneout_c})
      check(p >= 0 && p <= 1, "rnn_layer: zoneout probability has to be between 0 and 1, but got ", p);
    check(zoneout_c == 0 || traits.states > 1, "rnn_layer: ", cell, " has no second state for zoneout_c");
    check(!seed || (seed->scalar_type() == ScalarType::Long && seed->numel() == 1),
          "rnn_layer: zoneout_seed must be one int64 number");
    check(!clip || *clip > 0, "rnn_layer: bptt_clip must be greater than zero, got ", clip.value_or(0));
  }

  void prepare(Tensor& tensor, const char* what, std::initializer_list<int64_t> shape) const {
    check(tensor.scalar_type() == storage, "rnn_layer: ", what, " must have the dtype of input, ",
          torch::headeronly::toString(storage), ", got ", torch::headeronly::toString(tensor.scalar_type()));
    check(tensor.is_cpu() == input.is_cpu() && tensor.get_device_index() == input.get_device_index(),
          "rnn_layer: ", what, " must be on the device of input");
    if (!has_shape(tensor, shape))
      check(false, "rnn_layer: expected ", what, " of shape ", text_of(shape), ", got ", shape_of(tensor));
    tensor = dense(tensor);
  }
};

}  // namespace fastlm
