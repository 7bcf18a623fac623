// A recurrence to be run: random numbers, options, and the results that are wanted, from the CPU engine in double. Of a
// cell that the engine does not know they come from plain loops, without options.
#pragma once

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/half.h"
#include "core/rnn/cells.h"
#include "cpu/rnn.h"
#include "rnn_reference.h"
#include "team.h"

namespace fastlm {

struct CaseOptions {
  int64_t projection = 0;  // P, or 0: none
  bool norm = false, mask = false, states = false;
  double zoneout = 0, clip = 0;
  bool random = true;    // zoneout draws
  bool optional = true;  // biases and initial states are given, and the gradient of the latter is wanted
};

template <class Cell>
struct Case {
  static constexpr int G = Cell::kGates, S = Cell::kStates;
  static constexpr bool kDiagonal = Cell::kRecurrence == Recurrence::kDiagonal;
  using Numbers = std::vector<double>;

  std::vector<int64_t> batch_sizes, offsets;
  int64_t steps, batch, hidden, outputs, rows = 0;
  bool reverse;
  CaseOptions options;
  int64_t seed = 9;  // of zoneout
  Numbers x_gates, b_ih, b_hh, w_hh, w_hr, gains, h_mask, hx[2], grad_output, grad_hn[2], grad_states;
  // Wanted:
  Numbers output, saved, hn[2], states, d_x_gates, d_hx[2], d_w_hh, d_b_ih, d_b_hh, d_w_hr, d_gains;

  Case(std::vector<int64_t> sizes, int64_t hidden, bool reverse, CaseOptions options = {}, unsigned draw_seed = 1)
      : batch_sizes(std::move(sizes)),
        steps(batch_sizes.size()),
        batch(batch_sizes[0]),
        hidden(hidden),
        outputs(options.projection ? options.projection : hidden),
        reverse(reverse),
        options(options) {
    for (int64_t size : batch_sizes) offsets.push_back(rows), rows += size;
    std::mt19937 random(draw_seed);
    std::normal_distribution<double> normal(0, 0.5);
    const auto draw = [&](int64_t count, double scale = 1, double mean = 0) {
      Numbers numbers(count);
      for (double& number : numbers) number = rounded(mean + scale * normal(random));
      return numbers;
    };
    const auto given = [&](int64_t count) { return options.optional ? draw(count) : Numbers(count); };
    x_gates = draw(rows * G * hidden), b_ih = given(G * hidden), b_hh = given(G * hidden);
    // so that nothing explodes over the steps
    w_hh = kDiagonal ? draw(G * hidden) : draw(G * hidden * outputs, 1 / std::sqrt(double(outputs)));
    if (options.projection) w_hr = draw(outputs * hidden, 1 / std::sqrt(double(hidden)));
    if (options.norm) gains = draw(gain_count(G, hidden, kOutputApart<Cell>), 0.3, 1);
    if (options.mask)
      for (double number : draw(batch * outputs)) h_mask.push_back(number > 0.3 ? 0 : 1.5);
    for (int s = 0; s < S; s++) {
      hx[s] = given(batch * width(s));
      grad_hn[s] = draw(batch * width(s));
    }
    grad_output = draw(rows * outputs);
    if (options.states && S > 1) grad_states = draw(rows * hidden);
    if constexpr (kKnown)
      solve_by_engine();
    else
      solve_by_loops();
  }

  Walk walk() const { return {{steps, batch, batch_sizes.data(), offsets.data()}, reverse}; }
  int64_t width(int s) const { return s == 0 ? outputs : hidden; }

  // h before the step of a row, as U is multiplied with it: [outputs], to be read before the next call.
  const double* before(int64_t row, const Numbers& outputs_of_rows) const {
    const Walk w = walk();
    const int64_t t = std::upper_bound(offsets.begin(), offsets.end(), row) - offsets.begin() - 1, b = row - offsets[t];
    const double* h =
        b < w.continued(t) ? &outputs_of_rows[w.sequence.row(w.before(t), b) * outputs] : &hx[0][b * outputs];
    before_.assign(h, h + outputs);
    for (int64_t u = 0; options.mask && u < outputs; u++) before_[u] *= h_mask[b * outputs + u];
    return before_.data();
  }

 private:
  template <class... Known>
  static constexpr bool contains(CellList<Known...>) {
    return (std::is_same_v<Known, Cell> || ...);
  }
  static constexpr bool kKnown = contains(Cells());

  // So that float, half and bfloat16 hold the same number.
  static double rounded(double number) { return std::abs(number) < 1e-3 ? 0 : double(float(BFloat16(float(number)))); }

  void solve_by_engine() {
    const int64_t GH = G * hidden, I = GH;
    Numbers identity(GH * GH);
    for (int64_t i = 0; i < GH; i++) identity[i * GH + i] = 1;
    RnnOptions<double> common{};
    common.outputs = outputs, common.states_stride = hidden, common.bptt_clip = options.clip;
    if (options.projection) common.w_hr = w_hr.data();
    if (options.norm) common.gains = gains.data();
    if (options.mask) common.h_mask = h_mask.data();
    common.zoneout = {uint64_t(seed), options.random, {options.zoneout, S > 1 ? options.zoneout : 0}, reverse};
    Numbers kept(rows * kept_layout<Cell>(hidden, common).width);
    output.resize(rows * outputs), saved.resize(rows * kSlots<Cell> * hidden);
    if (options.states && S > 1) states.resize(rows * hidden);

    cpu::LayerForward<double> f{};
    cpu::LayerBackward<double> b{};
    const auto common_arguments = [&](auto& args) {
      args.walk = walk(), args.hidden = hidden, args.options = common, args.w_hh = w_hh.data();
      args.inputs = I, args.input = x_gates.data(), args.w_ih = identity.data();
      args.output = output.data(), args.output_stride = outputs, args.saved = saved.data(), args.kept = kept.data();
      for (int s = 0; s < S; s++) args.hx[s] = hx[s].data();
    };
    common_arguments(f);
    f.b_ih = b_ih.data(), f.b_hh = b_hh.data();
    if (!states.empty()) f.states[1] = states.data();
    for (int s = 0; s < S; s++) hn[s].resize(batch * width(s)), f.hn[s] = hn[s].data();
    ThreadTeam team;
    cpu::rnn_forward(Cell::kName, std::vector{f}, team);

    common_arguments(b);
    d_x_gates.resize(rows * GH), d_w_hh.resize(w_hh.size()), d_b_ih.resize(GH), d_b_hh.resize(GH);
    d_w_hr.resize(w_hr.size()), d_gains.resize(gains.size());
    Numbers d_w_ih(GH * I);
    b.grad_output = grad_output.data(), b.grad_output_stride = outputs;
    if (!grad_states.empty()) b.grad_states[1] = grad_states.data();
    b.d_input = d_x_gates.data(), b.d_w_ih = d_w_ih.data(), b.d_w_hh = d_w_hh.data();
    b.d_b_ih = d_b_ih.data(), b.d_b_hh = d_b_hh.data(), b.d_w_hr = d_w_hr.data(), b.d_gains = d_gains.data();
    for (int s = 0; s < S; s++) {
      d_hx[s].resize(batch * width(s));
      b.grad_hn[s] = grad_hn[s].data(), b.d_hx[s] = d_hx[s].data();
    }
    cpu::rnn_backward(Cell::kName, std::vector{b}, team);
  }

  void solve_by_loops() {
    Problem<Cell> problem(batch_sizes, hidden, reverse, 1);
    problem.x_gates = x_gates, problem.b_ih = b_ih, problem.b_hh = b_hh, problem.w_hh = w_hh;
    problem.grad_output = grad_output;
    for (int s = 0; s < S; s++) problem.hx[s] = hx[s], problem.grad_hn[s] = grad_hn[s];
    problem.solve();
    output = problem.output, saved = problem.saved, d_x_gates = problem.d_x_gates;
    d_w_hh = problem.d_w_hh, d_b_ih = problem.d_b_ih, d_b_hh = problem.d_b_hh;
    for (int s = 0; s < S; s++) hn[s] = problem.hn[s], d_hx[s] = problem.d_hx[s];
  }

  mutable Numbers before_;
};

}  // namespace fastlm
