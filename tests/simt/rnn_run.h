// Runs the CUDA recurrence on a problem of tests/cpp/rnn_reference.h, forward and backward, and keeps all that it
// wrote.
#pragma once

#include <algorithm>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "cuda/rnn_launch.cuh"
#include "executor.h"
#include "rnn_reference.h"

namespace fastlm {

template <class T>
std::vector<T> unwritten(int64_t count) {
  return std::vector<T>(count, std::numeric_limits<T>::quiet_NaN());
}

template <class T>
std::vector<T> as(const std::vector<double>& numbers) {
  return {numbers.begin(), numbers.end()};
}

// Rows of H numbers, stride apart, the rest of each row NaN; the last row ends where its numbers end.
template <class T>
std::vector<T> spread(const std::vector<double>& dense, int64_t hidden, int64_t stride) {
  const int64_t rows = dense.size() / hidden;
  auto wide = unwritten<T>((rows - 1) * stride + hidden);
  for (int64_t r = 0; r < rows; r++) std::copy_n(dense.begin() + r * hidden, hidden, wide.begin() + r * stride);
  return wide;
}

template <class Cell, class T>
struct RnnRun {
  static constexpr int S = Cell::kStates;
  using Numbers = std::vector<T>;
  struct Result {
    std::string name;
    Numbers numbers;
    std::vector<double> wanted;
  };
  std::vector<Result> results;
  cuda::Regime regime;

  // optional: biases and initial states are given, and the gradient of the latter is wanted.
  RnnRun(const Problem<Cell>& problem, const cuda::DeviceLimits& limits, bool optional = true) {
    const int64_t H = problem.hidden, stride = H + 3, states = problem.batch * H;
    const auto x_gates = as<T>(problem.x_gates), b_ih = as<T>(problem.b_ih), b_hh = as<T>(problem.b_hh),
               w_hh = as<T>(problem.w_hh), grad_output = spread<T>(problem.grad_output, H, stride);
    auto output = unwritten<T>((problem.rows - 1) * stride + H), saved = unwritten<T>(problem.rows * kSlots<Cell> * H);
    Numbers hx[S], hn[S], grad_hn[S], d_hx[S];
    for (int s = 0; s < S; s++) {
      hx[s] = as<T>(problem.hx[s]), grad_hn[s] = as<T>(problem.grad_hn[s]);
      hn[s] = d_hx[s] = unwritten<T>(states);
    }

    RnnForward<T> f{};
    f.walk = problem.walk(), f.hidden = H, f.x_gates = x_gates.data(), f.w_hh = w_hh.data();
    if (optional) f.b_ih = b_ih.data(), f.b_hh = b_hh.data();
    f.output = output.data(), f.output_stride = stride, f.saved = saved.data();
    for (int s = 0; s < S; s++) f.hx[s] = optional ? hx[s].data() : nullptr, f.hn[s] = hn[s].data();
    {
      const auto shape = cuda::shape_of<Cell, T>(f.walk, H, false);
      const auto plan = cuda::plan_rnn(shape, limits);
      auto workspace = unwritten<T>(cuda::workspace_of<Cell>(plan, shape));
      cuda::launch_forward<Cell>(f, plan, workspace.data(), nullptr);
      regime = plan.regime;
    }
    keep("output", output, spread<double>(problem.output, H, stride));
    keep("saved", saved, problem.saved);
    for (int s = 0; s < S; s++) keep("hn", hn[s], problem.hn[s]);

    auto d_x = unwritten<T>(problem.rows * Cell::kGates * H), d_h = Cell::kGatesAdd ? Numbers() : d_x;
    RnnBackward<T> b{};
    b.walk = problem.walk(), b.hidden = H, b.w_hh = w_hh.data();
    b.output = output.data(), b.output_stride = stride, b.saved = saved.data();
    b.grad_output = grad_output.data(), b.grad_output_stride = stride;
    b.d_x_gates = d_x.data(), b.d_h_gates = Cell::kGatesAdd ? d_x.data() : d_h.data();
    for (int s = 0; s < S; s++) {
      b.grad_hn[s] = grad_hn[s].data();
      if (optional) b.hx[s] = hx[s].data(), b.d_hx[s] = d_hx[s].data();
    }
    {
      const auto shape = cuda::shape_of<Cell, T>(b.walk, H, true);
      const auto plan = cuda::plan_rnn(shape, limits);
      auto workspace = unwritten<T>(cuda::workspace_of<Cell>(plan, shape));
      cuda::launch_backward<Cell>(b, plan, workspace.data(), nullptr);
    }
    keep("d_x_gates", d_x, problem.d_x_gates);
    if (!Cell::kGatesAdd) keep("d_h_gates", d_h, problem.d_h_gates);
    for (int s = 0; optional && s < S; s++) keep("d_hx", d_hx[s], problem.d_hx[s]);
  }

  // What is wrong with the results, or nothing. A NaN is wrong where a number is wanted, a number where a NaN is.
  std::string complaint() const {
    for (const Result& result : results) {
      double scale = 0.3;  // of the numbers that go in: results may cancel
      for (double number : result.wanted)
        if (!std::isnan(number)) scale = std::max(scale, std::abs(number));
      for (size_t i = 0; i < result.wanted.size(); i++) {
        const double got = result.numbers[i], want = result.wanted[i];
        const bool right = std::isnan(want) ? std::isnan(got) : std::abs(got - want) <= kTolerance * scale;
        if (!right)
          return result.name + "[" + std::to_string(i) + "] is " + std::to_string(got) + ", wanted " +
                 std::to_string(want);
      }
    }
    return {};
  }

  bool same_bits(const RnnRun& other) const {
    for (size_t i = 0; i < results.size(); i++)
      if (!std::ranges::equal(std::as_bytes(std::span(results[i].numbers)),
                              std::as_bytes(std::span(other.results[i].numbers))))
        return false;
    return true;
  }

 private:
  static constexpr double kTolerance = sizeof(T) == 4 ? 1e-5 : 1e-12;

  void keep(const char* name, const Numbers& numbers, const std::vector<double>& wanted) {
    results.push_back({name, numbers, wanted});
  }
};

}  // namespace fastlm
