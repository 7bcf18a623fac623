// The output layer against plain loops, for sizes at the edges of panels and blocks, and any number of threads.
#include "cpu/linear_cross_entropy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "team.h"

namespace fastlm::cpu {
namespace {

struct Results {
  std::vector<double> loss, d_input, d_weight, d_bias;
};

class LinearCrossEntropyTest : public testing::Test {
 protected:
  std::vector<double> draw(int64_t count) {
    std::normal_distribution<double> normal;
    std::vector<double> numbers(count);
    for (double& number : numbers) number = normal(random_);
    return numbers;
  }

  static Results make_results(const LinearCrossEntropy<double>& args) {
    return {std::vector<double>(args.rows, NAN), std::vector<double>(args.rows * args.hidden, NAN),
            std::vector<double>(args.classes * args.hidden, NAN), std::vector<double>(args.classes, NAN)};
  }

  static Results run(LinearCrossEntropy<double> args, int threads) {
    Results results = make_results(args);
    args.loss = results.loss.data(), args.d_input = results.d_input.data();
    args.d_weight = results.d_weight.data(), args.d_bias = results.d_bias.data();
    ThreadTeam team(threads);
    linear_cross_entropy(args, team);
    return results;
  }

  static Results plain(const LinearCrossEntropy<double>& args) {
    Results results = make_results(args);
    for (auto* part : {&results.loss, &results.d_input, &results.d_weight, &results.d_bias})
      std::fill(part->begin(), part->end(), 0.0);
    const int64_t H = args.hidden, V = args.classes;
    for (int64_t r = 0; r < args.rows; r++) {
      if (args.target[r] == args.ignore_index) continue;
      std::vector<double> logits(args.bias, args.bias + V);
      double sum = 0, total = 0;
      for (int64_t c = 0; c < V; c++) {
        for (int64_t h = 0; h < H; h++) logits[c] += args.input[r * H + h] * args.weight[c * H + h];
        sum += std::exp(logits[c]), total += logits[c];
      }
      results.loss[r] = args.rule.loss(std::log(sum), logits[args.target[r]], total / double(V));
      for (int64_t c = 0; c < V; c++) {
        const double d = args.factor * args.grad[r] *
                         (args.rule.on_probability(std::log(sum)) * std::exp(logits[c]) / sum -
                          args.rule.on_all() / double(V) - (c == args.target[r] ? args.rule.on_target() : 0));
        results.d_bias[c] += d;
        for (int64_t h = 0; h < H; h++) {
          results.d_input[r * H + h] += d * args.weight[c * H + h];
          results.d_weight[c * H + h] += d * args.input[r * H + h];
        }
      }
    }
    return results;
  }

  static void expect_near(const std::vector<double>& got, const std::vector<double>& want) {
    for (size_t i = 0; i < want.size(); i++) ASSERT_NEAR(got[i], want[i], 1e-11) << i;
  }

  std::mt19937 random_{7};
};

TEST_F(LinearCrossEntropyTest, EqualsPlainLoops) {
  struct Size {
    int64_t rows, hidden, classes;
  };
  for (const auto [N, H, V] : {Size{1, 1, 1}, {17, 12, 128}, {33, 13, 129}, {300, 3, 40}, {5, 300, 300}}) {
    const std::vector<double> input = draw(N * H), weight = draw(V * H), bias = draw(V), grad = draw(N);
    std::vector<int64_t> target(N);
    for (int64_t r = 0; r < N; r++) target[r] = N > 1 && r % 3 == 1 ? -100 : int64_t(random_() % V);
    LinearCrossEntropy<double> args{};
    args.rows = N, args.hidden = H, args.classes = V;
    args.input = input.data(), args.weight = weight.data(), args.bias = bias.data(), args.grad = grad.data();
    args.target = target.data(), args.ignore_index = -100, args.factor = 0.5;
    args.rule = {0.1, 0.01};
    const Results want = plain(args), one = run(args, 1), three = run(args, 3);
    expect_near(one.loss, want.loss);
    expect_near(one.d_input, want.d_input);
    expect_near(one.d_weight, want.d_weight);
    expect_near(one.d_bias, want.d_bias);
    EXPECT_EQ(one.d_input, three.d_input);
    EXPECT_EQ(one.d_weight, three.d_weight);
  }
}

}  // namespace
}  // namespace fastlm::cpu
