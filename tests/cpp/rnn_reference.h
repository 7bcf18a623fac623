// The recurrence in plain loops, one number at a time: the oracle of the CPU and CUDA kernels.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "core/rnn/cell.h"
#include "core/rnn/sequence.h"

namespace fastlm {

// One layer and direction with random numbers in it; results are added by forward() and backward().
template <class Cell>
struct Problem {
  static constexpr int G = Cell::kGates, S = Cell::kStates;
  using Numbers = std::vector<double>;

  std::vector<int64_t> batch_sizes, offsets;
  int64_t steps, batch, hidden, rows = 0;
  bool reverse;
  Numbers x_gates, b_ih, b_hh, w_hh, hx[S], grad_output, grad_hn[S];
  Numbers output, saved, hn[S], d_x_gates, d_h_gates, d_hx[S];
  Numbers d_w_ih, d_w_hh, d_b_ih, d_b_hh;  // of a W that is the identity: x_gates are the input, too

  Problem(std::vector<int64_t> sizes, int64_t hidden, bool reverse, unsigned seed)
      : batch_sizes(std::move(sizes)),
        steps(batch_sizes.size()),
        batch(batch_sizes[0]),
        hidden(hidden),
        reverse(reverse) {
    for (int64_t size : batch_sizes) offsets.push_back(rows), rows += size;
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0, 0.5);
    const auto draw = [&](int64_t count) {
      Numbers numbers(count);
      for (double& number : numbers) number = normal(random);
      return numbers;
    };
    x_gates = draw(rows * G * hidden), b_ih = draw(G * hidden), b_hh = draw(G * hidden),
    grad_output = draw(rows * hidden);
    w_hh = draw(Cell::kRecurrence == Recurrence::kMatrix ? G * hidden * hidden : G * hidden);
    if (Cell::kRecurrence == Recurrence::kMatrix)
      for (double& weight : w_hh) weight /= std::sqrt(double(hidden));  // so that nothing explodes over the steps
    for (int s = 0; s < S; s++) hx[s] = draw(batch * hidden), grad_hn[s] = draw(batch * hidden);
  }

  Walk walk() const { return {{steps, batch, batch_sizes.data(), offsets.data()}, reverse}; }

  // Pre-activation of gate g of unit u from the hidden state h of one sequence.
  double hidden_gate(const double* h, int g, int64_t u) const {
    if (Cell::kRecurrence == Recurrence::kDiagonal) return b_hh[g * hidden + u] + w_hh[g * hidden + u] * h[u];
    double sum = b_hh[g * hidden + u];
    for (int64_t k = 0; k < hidden; k++) sum += w_hh[(g * hidden + u) * hidden + k] * h[k];
    return sum;
  }

  void solve() {
    const Walk w = walk();
    output.assign(rows * hidden, 0), saved.assign(rows * kSlots<Cell> * hidden, 0);
    d_x_gates.assign(rows * G * hidden, 0), d_h_gates = d_x_gates;
    d_b_ih.assign(G * hidden, 0), d_b_hh = d_b_ih;
    d_w_ih.assign(G * hidden * G * hidden, 0), d_w_hh.assign(w_hh.size(), 0);
    for (int s = 0; s < S; s++) hn[s].assign(batch * hidden, 0), d_hx[s] = hn[s];
    for (int64_t b = 0; b < batch; b++) {
      std::vector<int64_t> at;  // rows of this sequence, in the order of the walk
      for (int64_t i = 0; i < steps; i++)
        if (b < w.sequence.rows(w.step(i))) at.push_back(w.sequence.row(w.step(i), b));
      std::vector<Numbers> states[S];  // [visited + 1][hidden]
      for (int s = 0; s < S; s++) states[s].emplace_back(hx[s].begin() + b * hidden, hx[s].begin() + (b + 1) * hidden);
      for (size_t i = 0; i < at.size(); i++) forward(at[i], states);
      for (int s = 0; s < S; s++)
        std::copy(states[s].back().begin(), states[s].back().end(), hn[s].begin() + b * hidden);
      Numbers d[S];
      for (int s = 0; s < S; s++) d[s].assign(grad_hn[s].begin() + b * hidden, grad_hn[s].begin() + (b + 1) * hidden);
      for (size_t i = at.size(); i-- > 0;) backward(at[i], i, states, d);
      for (int s = 0; s < S; s++) std::copy(d[s].begin(), d[s].end(), d_hx[s].begin() + b * hidden);
    }
  }

 private:
  void forward(int64_t row, std::vector<Numbers> (&states)[S]) {
    Numbers after[S];
    for (int64_t u = 0; u < hidden; u++) {
      Pack<double, G> x, h;
      Pack<double, S> before;
      for (int g = 0; g < G; g++) {
        x[g] = x_gates[(row * G + g) * hidden + u] + b_ih[g * hidden + u];
        h[g] = hidden_gate(states[0].back().data(), g, u);
      }
      for (int s = 0; s < S; s++) before[s] = states[s].back()[u];
      const auto f = Cell::forward(x, h, before);
      output[row * hidden + u] = f.after[0];
      for (int k = 0; k < Cell::kSaved; k++) saved[(row * kSlots<Cell> + k) * hidden + u] = f.saved[k];
      for (int s = 0; s < S; s++) {
        after[s].push_back(f.after[s]);
        if (s > 0) saved[(row * kSlots<Cell> + Cell::kSaved + s - 1) * hidden + u] = f.after[s];
      }
    }
    for (int s = 0; s < S; s++) states[s].push_back(after[s]);
  }

  void backward(int64_t row, size_t i, const std::vector<Numbers> (&states)[S], Numbers (&d)[S]) {
    Numbers direct[S];
    for (int64_t u = 0; u < hidden; u++) {
      Pack<double, S> before, grads;
      Pack<double, Cell::kSaved> kept;
      for (int s = 0; s < S; s++) before[s] = states[s][i][u], grads[s] = d[s][u];
      for (int k = 0; k < Cell::kSaved; k++) kept[k] = saved[(row * kSlots<Cell> + k) * hidden + u];
      grads[0] += grad_output[row * hidden + u];
      const auto back = Cell::backward(kept, before, states[0][i + 1][u], grads);
      for (int g = 0; g < G; g++) {
        d_x_gates[(row * G + g) * hidden + u] = back.dx[g];
        d_h_gates[(row * G + g) * hidden + u] = back.dh[g];
      }
      for (int s = 0; s < S; s++) direct[s].push_back(back.d_before[s]);
    }
    for (int64_t k = 0; k < hidden; k++)
      for (int g = 0; g < G; g++) {
        const double* dh = d_h_gates.data() + (row * G + g) * hidden;
        if (Cell::kRecurrence == Recurrence::kDiagonal)
          direct[0][k] += w_hh[g * hidden + k] * dh[k];
        else
          for (int64_t u = 0; u < hidden; u++) direct[0][k] += w_hh[(g * hidden + u) * hidden + k] * dh[u];
      }
    for (int s = 0; s < S; s++) d[s] = direct[s];
    reduce(row, states[0][i]);
  }

  // A row's share of the gradients of the weights.
  void reduce(int64_t row, const Numbers& h_before) {
    const int64_t size = G * hidden;
    for (int64_t i = 0; i < size; i++) {
      const double dx = d_x_gates[row * size + i], dh = d_h_gates[row * size + i];
      d_b_ih[i] += dx, d_b_hh[i] += dh;
      for (int64_t j = 0; j < size; j++) d_w_ih[i * size + j] += dx * x_gates[row * size + j];
      if (Cell::kRecurrence == Recurrence::kDiagonal)
        d_w_hh[i] += dh * h_before[i % hidden];
      else
        for (int64_t k = 0; k < hidden; k++) d_w_hh[i * hidden + k] += dh * h_before[k];
    }
  }
};

}  // namespace fastlm
