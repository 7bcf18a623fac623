// Runs kernels on a case, forward and backward, and keeps all that they wrote, to be compared with what is wanted.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <span>
#include <string>

#include "cuda/rnn_unit.cuh"
#include "executor.h"
#include "rnn_case.h"

namespace fastlm {

template <class T>
std::vector<T> unwritten(int64_t count) {
  return std::vector<T>(count, T(std::numeric_limits<float>::quiet_NaN()));
}

template <class T>
std::vector<T> as(const std::vector<double>& numbers) {
  std::vector<T> converted;
  for (double number : numbers) converted.push_back(T(cuda::Computed<T>(number)));
  return converted;
}

template <class T>
std::vector<double> widened(const std::vector<T>& numbers) {
  std::vector<double> wide;
  for (const T& number : numbers) wide.push_back(double(cuda::Computed<T>(number)));
  return wide;
}

// Rows of `width` numbers, stride apart, the rest of each row NaN; the last row ends where its numbers end.
template <class T>
std::vector<T> spread(const std::vector<T>& dense, int64_t width, int64_t stride) {
  const int64_t rows = dense.size() / width;
  auto wide = unwritten<T>((rows - 1) * stride + width);
  for (int64_t r = 0; r < rows; r++) std::copy_n(dense.begin() + r * width, width, wide.begin() + r * stride);
  return wide;
}

template <class Cell, class T>
class RnnRun {
  static constexpr int G = Cell::kGates, S = Cell::kStates;
  using C = cuda::Computed<T>;
  using Numbers = std::vector<T>;

 public:
  using ForwardLaunch = std::function<void(const cuda::Forward<T>&)>;
  using BackwardLaunch = std::function<void(const cuda::Backward<T>&)>;

  RnnRun(const Case<Cell>& c, const ForwardLaunch& forward, const BackwardLaunch& backward, bool for_backward = true)
      : case_(c),
        stride_(c.outputs + 3),
        w_hh_(as<T>(c.w_hh)),
        w_hr_(as<T>(c.w_hr)),
        gains_(as<T>(c.gains)),
        h_mask_(as<T>(c.h_mask)),
        output_(unwritten<T>((c.rows - 1) * stride_ + c.outputs)) {
    for (int s = 0; s < S; s++) hx_[s] = as<T>(c.hx[s]);
    RnnOptions<T> options{};
    options.outputs = c.outputs, options.states_stride = c.hidden, options.bptt_clip = c.options.clip;
    if (c.options.projection) options.w_hr = w_hr_.data();
    if (c.options.norm) options.gains = gains_.data();
    if (c.options.mask) options.h_mask = h_mask_.data();
    const double p = c.options.zoneout;
    options.zoneout = {0, c.options.random, {p, S > 1 ? p : 0}, c.reverse, &c.seed};
    saved_ = unwritten<C>(for_backward ? c.rows * kSlots<Cell> * c.hidden : 0);
    kept_ = unwritten<C>(for_backward ? c.rows * kept_layout<Cell>(c.hidden, options).width : 0);
    run_forward(options, forward);
    if (for_backward) run_backward(options, backward);
  }

  // What is wrong with the results, or nothing. A NaN is wrong where a number is wanted, a number where a NaN is.
  std::string complaint(double tolerance = default_tolerance()) const {
    for (const Result& result : results_) {
      int64_t may_differ = kJumps && tolerance > 1e-4 ? int64_t(result.wanted.size()) / 10 : 0;
      double scale = result.scale;
      for (double number : result.wanted)
        if (!std::isnan(number)) scale = std::max(scale, std::abs(number));
      for (size_t i = 0; i < result.wanted.size(); i++) {
        const double got = result.numbers[i], want = result.wanted[i];
        const bool right = std::isnan(want) ? std::isnan(got) : std::abs(got - want) <= tolerance * scale;
        if (!right && may_differ-- <= 0)
          return result.name + "[" + std::to_string(i) + "] is " + std::to_string(got) + ", wanted " +
                 std::to_string(want);
      }
    }
    return {};
  }

  bool same_bits(const RnnRun& other) const {
    for (size_t i = 0; i < results_.size(); i++)
      if (!std::ranges::equal(std::as_bytes(std::span(results_[i].numbers)),
                              std::as_bytes(std::span(other.results_[i].numbers))))
        return false;
    return true;
  }

  static constexpr double default_tolerance() {
    if (sizeof(T) == 8) return 1e-12;
    if (sizeof(T) == 4) return 1e-5;
    return T(1.0f + 1.0f / 1024) == T(1.0f) ? 4e-2 : 6e-3;  // bfloat16, half: of several steps
  }

 private:
  // The slope of relu jumps at 0, where a state of few bits may lie on the other side.
  static constexpr bool kJumps = std::is_same_v<Cell, Elman<Relu>> || std::is_same_v<Cell, IndRnn>;
  static constexpr double kScale = 0.3;  // of the numbers that go in: results may cancel

  struct Result {
    std::string name;
    std::vector<double> numbers, wanted;
    double scale;  // at least
  };

  template <class Args>
  void fill(Args& args, const RnnOptions<T>& options) {
    args.walk = case_.walk(), args.hidden = case_.hidden, args.options = options, args.w_hh = w_hh_.data();
    args.output = output_.data(), args.output_stride = stride_;
    args.saved = saved_.empty() ? nullptr : saved_.data(), args.kept = kept_.empty() ? nullptr : kept_.data();
    for (int s = 0; s < S; s++) args.hx[s] = case_.options.optional ? hx_[s].data() : nullptr;
  }

  void run_forward(const RnnOptions<T>& options, const ForwardLaunch& launch) {
    auto x_gates = as<T>(case_.x_gates);  // a layer norm works in place
    const auto b_ih = as<T>(case_.b_ih), b_hh = as<T>(case_.b_hh);
    Numbers hn[S], states = unwritten<T>(case_.states.size());
    cuda::Forward<T> f{};
    fill(f, options);
    f.x_gates = x_gates.data();
    if (case_.options.optional) f.b_ih = b_ih.data(), f.b_hh = b_hh.data();
    if (!states.empty()) f.states[1] = states.data();
    for (int s = 0; s < S; s++) hn[s] = unwritten<T>(case_.hn[s].size()), f.hn[s] = hn[s].data();
    launch(f);
    keep("output", output_, spread(case_.output, case_.outputs, stride_));
    if (!saved_.empty()) keep("saved", saved_, case_.saved);
    if (!states.empty()) keep("states", states, case_.states);
    for (int s = 0; s < S; s++) keep("hn", hn[s], case_.hn[s]);
  }

  void run_backward(const RnnOptions<T>& options, const BackwardLaunch& launch) {
    const int64_t size = G * case_.hidden;
    const bool one = Cell::kGatesAdd && !case_.options.norm;  // array for both sides
    auto d_x = unwritten<T>(case_.rows * size), d_h = one ? Numbers() : d_x;
    const auto grad_output = spread(as<T>(case_.grad_output), case_.outputs, stride_),
               grad_states = as<T>(case_.grad_states);
    Numbers grad_hn[S], d_hx[S];
    cuda::Backward<T> b{};
    fill(b, options);
    b.grad_output = grad_output.data(), b.grad_output_stride = stride_;
    b.d_x_gates = d_x.data(), b.d_h_gates = one ? d_x.data() : d_h.data();
    if (!grad_states.empty()) b.grad_states[1] = grad_states.data();
    const bool norm = case_.options.norm, apart = norm && kOutputApart<Cell>;
    auto d_x_normed = unwritten<T>(norm ? case_.rows * size : 0), d_h_normed = one || Cell::kGatesAdd ? Numbers() : d_x,
         d_state_normed = unwritten<T>(apart ? case_.rows * case_.hidden : 0),
         d_projected = unwritten<T>(case_.options.projection ? case_.rows * case_.outputs : 0);
    if (norm) b.d_x_normed = d_x_normed.data();
    if (norm && !Cell::kGatesAdd) b.d_h_normed = d_h_normed.data();
    if (apart) b.d_state_normed = d_state_normed.data();
    if (case_.options.projection) b.d_projected = d_projected.data();
    for (int s = 0; s < S; s++) {
      grad_hn[s] = as<T>(case_.grad_hn[s]), d_hx[s] = unwritten<T>(case_.d_hx[s].size());
      b.grad_hn[s] = grad_hn[s].data();
      if (case_.options.optional) b.d_hx[s] = d_hx[s].data();
    }
    launch(b);
    keep("d_x_gates", d_x, case_.d_x_gates);
    for (int s = 0; case_.options.optional && s < S; s++) keep("d_hx", d_hx[s], case_.d_hx[s]);
    reduce(widened(one ? d_x : d_h), size);
    if (norm) {
      const Numbers& d_h_behind = Cell::kGatesAdd ? d_x_normed : d_h_normed;
      reduce_norms(options, widened(d_x_normed), widened(d_h_behind), widened(d_state_normed));
    }
    if (case_.options.projection) reduce_projection(widened(d_projected));
  }

  // As core/rnn/recurrence.h says.
  void reduce_norms(const RnnOptions<T>& options, const std::vector<double>& d_x, const std::vector<double>& d_h,
                    const std::vector<double>& d_state) {
    const auto layout = kept_layout<Cell>(case_.hidden, options);
    std::vector<double> d_gains;
    const auto sum = [&](const std::vector<double>& d, int64_t normal) {
      const int64_t columns = d.size() / case_.rows;
      std::vector<double> sums(columns);
      for (int64_t row = 0; row < case_.rows; row++)
        for (int64_t i = 0; i < columns; i++)
          sums[i] += d[row * columns + i] * (normal < 0 ? 1 : kept_[row * layout.width + normal + i]);
      return sums;
    };
    const auto add = [&](const std::vector<double>& sums) { d_gains.insert(d_gains.end(), sums.begin(), sums.end()); };
    add(sum(d_x, layout.x_normal)), add(sum(d_h, layout.h_normal));
    add(sum(d_state, layout.state_normal)), add(sum(d_state, -1));
    keep("d_gains", d_gains, case_.d_gains);
    keep("d_b_ih", sum(d_x, -1), case_.d_b_ih), keep("d_b_hh", sum(d_h, -1), case_.d_b_hh);
  }

  void reduce_projection(const std::vector<double>& d_projected) {
    std::vector<double> d_w_hr(case_.d_w_hr.size());
    const int64_t width = kept_.size() / case_.rows;
    for (int64_t row = 0; row < case_.rows; row++)
      for (size_t i = 0; i < d_w_hr.size(); i++)
        d_w_hr[i] += d_projected[row * case_.outputs + i / case_.hidden] * kept_[row * width + i % case_.hidden];
    keep("d_w_hr", d_w_hr, case_.d_w_hr);
  }

  // What the caller sums up behind the steps: here in double, so that only the kernels' part is judged.
  void reduce(const std::vector<double>& d_h, int64_t size) {
    std::vector<double> d_w_hh(case_.d_w_hh.size()), d_b_hh(size), outputs;
    for (int64_t row = 0; row < case_.rows; row++)
      for (int64_t u = 0; u < case_.outputs; u++) outputs.push_back(double(C(output_[row * stride_ + u])));
    for (int64_t row = 0; row < case_.rows; row++) {
      const double* h = case_.before(row, outputs);
      for (int64_t i = 0; i < size; i++) {
        const double d = d_h[row * size + i];
        d_b_hh[i] += d;
        if (Case<Cell>::kDiagonal)
          d_w_hh[i] += d * h[i % case_.hidden];
        else
          for (int64_t k = 0; k < case_.outputs; k++) d_w_hh[i * case_.outputs + k] += d * h[k];
      }
    }
    const double scale = kScale * std::sqrt(double(case_.rows));  // of a sum of rounded numbers
    keep("d_w_hh", d_w_hh, case_.d_w_hh, scale);
    if (!case_.options.norm) keep("d_b_hh", d_b_hh, case_.d_b_hh, scale);
  }

  template <class Number>
  void keep(const char* name, const std::vector<Number>& numbers, const std::vector<double>& wanted,
            double scale = kScale) {
    if constexpr (std::is_same_v<Number, double>)
      results_.push_back({name, numbers, wanted, scale});
    else
      results_.push_back({name, widened(numbers), wanted, scale});
  }

  const Case<Cell>& case_;
  const int64_t stride_;
  Numbers w_hh_, w_hr_, gains_, h_mask_, hx_[S], output_;
  std::vector<C> saved_, kept_;
  std::vector<Result> results_;
};

inline void set_order(simt::Order order, uint64_t seed = 0) {
  simt::settings().order = order;
  simt::settings().seed = seed;
}

// The launches give what is wanted, and the same bits in whatever order threads run.
template <class Cell, class T>
void expect_right(const Case<Cell>& c, const typename RnnRun<Cell, T>::ForwardLaunch& forward,
                  const typename RnnRun<Cell, T>::BackwardLaunch& backward, int random_orders = 3,
                  double tolerance = RnnRun<Cell, T>::default_tolerance()) {
  SCOPED_TRACE(testing::Message() << Cell::kName << ", T " << c.steps << ", B " << c.batch << ", H " << c.hidden
                                  << (c.reverse ? ", reverse, " : ", ") << sizeof(T) << " bytes");
  set_order(simt::Order::kForward);
  const RnnRun<Cell, T> first(c, forward, backward);
  EXPECT_EQ(first.complaint(tolerance), "");
  set_order(simt::Order::kReverse);
  EXPECT_TRUE(first.same_bits(RnnRun<Cell, T>(c, forward, backward))) << "reverse";
  for (int seed = 1; seed <= random_orders; seed++) {
    set_order(simt::Order::kRandom, uint64_t(seed));
    EXPECT_TRUE(first.same_bits(RnnRun<Cell, T>(c, forward, backward))) << "random " << seed;
  }
  set_order(simt::Order::kForward);
  EXPECT_EQ((RnnRun<Cell, T>(c, forward, backward, false).complaint(tolerance)), "") << "without a backward pass";
}

}  // namespace fastlm
