// Rows of logits and what their cross entropy must be, by plain loops in double; and the kernels' results.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "cuda/cross_entropy.h"

namespace fastlm {

inline constexpr int64_t kIgnored = -7;

// NaN; at a multiple of 16 bytes, as all that `new` gives.
template <class T>
std::vector<T> unwritten_numbers(int64_t count) {
  return std::vector<T>(count, T(std::numeric_limits<float>::quiet_NaN()));
}

struct CrossEntropyOptions {
  bool bias = true, grad = true, ignored = true;
  CrossEntropyRule rule = {0.1, 0.01};
  double scale = 3;  // of the logits
};

template <class T>
class CrossEntropyCase {
  using C = cuda::Computed<T>;

 public:
  CrossEntropyCase(int64_t rows, int64_t classes, const CrossEntropyOptions& options)
      : rows_(rows), classes_(classes), options_(options), logits_(rows * classes), bias_(classes), grad_(rows) {
    std::mt19937 random(unsigned(31 * rows + classes));
    std::normal_distribution<double> normal;
    for (T& logit : logits_) logit = T(C(options.scale * normal(random)));
    for (int64_t c = 0; c < classes; c++) bias_[c] = T(C(normal(random)));
    for (T& grad : grad_) grad = T(C(normal(random)));
    for (int64_t r = 0; r < rows; r++)
      target_.push_back(options.ignored && r % 3 == 1 ? kIgnored : int64_t(random() % uint64_t(classes)));
    if (classes > 0) target_[0] = classes - 1;
  }

  std::vector<int64_t>& target() { return target_; }
  std::vector<T>& logits() { return logits_; }

  // What is wrong with the kernel's results, or nothing; without a gradient the logits must stay.
  std::string complaint(double loss_limit, double gradient_limit, bool wants_gradient = true) const {
    const int64_t stride = cuda::cross_entropy_stride(classes_, sizeof(T));
    auto logits = unwritten_numbers<T>(rows_ * stride);
    auto loss = unwritten_numbers<C>(rows_);
    for (int64_t r = 0; r < rows_; r++) std::memcpy(&logits[r * stride], &logits_[r * classes_], classes_ * sizeof(T));
    cuda::CrossEntropy<T> args{};
    args.rows = rows_, args.classes = classes_, args.logits = logits.data(), args.stride = stride;
    args.bias = options_.bias ? bias_.data() : nullptr, args.grad = options_.grad ? grad_.data() : nullptr;
    args.target = target_.data(), args.ignore_index = kIgnored, args.rule = options_.rule;
    args.loss = loss.data(), args.wants_gradient = wants_gradient;
    cuda::cross_entropy(args, nullptr);
    for (int64_t r = 0; r < rows_; r++) {
      std::vector<double> wanted;
      const double wanted_loss = plain(r, wanted);
      if (!near(double(loss[r]), wanted_loss, loss_limit)) return text("loss", r, 0, double(loss[r]), wanted_loss);
      if (!wants_gradient)
        for (int64_t c = 0; c < classes_; c++) wanted[c] = double(C(logits_[r * classes_ + c]));
      wanted.resize(stride, NAN);  // behind the row nothing is written
      for (int64_t c = 0; c < stride; c++)
        if (const double got = double(C(logits[r * stride + c])); !near(got, wanted[c], gradient_limit))
          return text("gradient", r, c, got, wanted[c]);
    }
    return {};
  }

 private:
  double plain(int64_t r, std::vector<double>& gradient) const {
    const int64_t target = target_[r];
    gradient.assign(classes_, target == kIgnored ? 0.0 : NAN);
    if (target < 0 || target >= classes_) return target == kIgnored ? 0 : NAN;
    double largest = -INFINITY, sum = 0, total = 0;
    std::vector<double> logits;
    for (int64_t c = 0; c < classes_; c++) {
      logits.push_back(double(C(logits_[r * classes_ + c])) + (options_.bias ? double(C(bias_[c])) : 0));
      largest = std::max(largest, logits[c]), total += logits[c];
    }
    for (double logit : logits) sum += std::exp(logit - largest);
    const double log_sum = largest + std::log(sum), grad = options_.grad ? double(C(grad_[r])) : 1;
    const CrossEntropyRule& rule = options_.rule;
    for (int64_t c = 0; c < classes_; c++)
      gradient[c] = grad * (std::exp(logits[c] - log_sum) * rule.on_probability(log_sum) -
                            rule.on_all() / double(classes_) - (c == target ? rule.on_target() : 0));
    return rule.loss(log_sum, logits[target], total / double(classes_));
  }

  // Of a number of size 1; larger ones may be off by as much more.
  static bool near(double got, double want, double limit) {
    if (std::isnan(want) || std::isinf(want)) return std::isnan(want) ? std::isnan(got) : got == want;
    return std::abs(got - want) <= limit * std::max(1.0, std::abs(want));
  }

  static std::string text(const char* name, int64_t r, int64_t c, double got, double want) {
    return std::string(name) + " of row " + std::to_string(r) + ", class " + std::to_string(c) + " is " +
           std::to_string(got) + ", wanted " + std::to_string(want);
  }

  int64_t rows_, classes_;
  CrossEntropyOptions options_;
  std::vector<T> logits_;
  std::vector<T> bias_;
  std::vector<T> grad_;
  std::vector<int64_t> target_;
};

}  // namespace fastlm
