// Inference on a stream against plain loops, for every cell and every type of weights, on any team.
#include <gtest/gtest.h>

#include <algorithm>

#include "all_cells.h"
#include "cpu/stream_pass.h"
#include "rnn_reference.h"
#include "team.h"

namespace fastlm {
namespace {

using Floats = std::vector<float>;
constexpr float kStep = 1 / 64.0f;  // of int8 weights

template <class Weight>
Weight stored(double weight) {
  if constexpr (std::is_same_v<Weight, int8_t>)
    return int8_t(std::clamp(std::round(weight / kStep), -127.0, 127.0));
  else
    return Weight(float(weight));
}

template <class Weight>
double value(Weight weight) {
  return double(float(weight)) * (std::is_same_v<Weight, int8_t> ? kStep : 1);
}

template <class Cell, class Weight>
struct Case {
  static constexpr int S = Cell::kStates;
  Problem<Cell> problem;
  int64_t H = problem.hidden, inputs = Cell::kGates * H;
  std::vector<Weight> w_ih, w_hh;
  Floats diagonal, scale, b_ih, b_hh, input, output, hx[S], hn[S];

  Case(int64_t steps, int64_t batch, int64_t hidden)
      : problem(std::vector<int64_t>(steps, batch), hidden, false, 7), w_ih(inputs * inputs, stored<Weight>(0)) {
    // With the identity as W the x_gates of the problem are the input.
    for (int64_t i = 0; i < inputs; i++) w_ih[i * inputs + i] = stored<Weight>(1);
    scale.assign(inputs, kStep);
    if constexpr (Cell::kRecurrence == Recurrence::kMatrix)
      for (double& weight : problem.w_hh) weight = value(w_hh.emplace_back(stored<Weight>(weight)));
    else
      diagonal.assign(problem.w_hh.begin(), problem.w_hh.end());
    const auto floats = [](const auto& numbers) { return Floats(numbers.begin(), numbers.end()); };
    b_ih = floats(problem.b_ih), b_hh = floats(problem.b_hh), input = floats(problem.x_gates);
    output.assign(problem.rows * H, -9);
    for (int s = 0; s < S; s++) hx[s] = floats(problem.hx[s]), hn[s].assign(batch * H, -9);
  }

  cpu::Stream<Weight> stream() {
    const float* scales = std::is_same_v<Weight, int8_t> ? scale.data() : nullptr;
    cpu::Stream<Weight> stream{problem.steps, problem.batch, H, {}, input.data(), {}, output.data(), {}};
    stream.layers.push_back(
        {inputs, w_ih.data(), w_hh.data(), diagonal.data(), scales, scales, b_ih.data(), b_hh.data()});
    for (int s = 0; s < S; s++) stream.hx[s] = hx[s].data(), stream.hn[s] = hn[s].data();
    return stream;
  }
};

void expect_near(const Floats& got, const std::vector<double>& want) {
  double scale = 0.3, worst = 0;  // of the numbers that go in: results may cancel
  for (double number : want) scale = std::max(scale, std::abs(number));
  for (size_t i = 0; i < want.size(); i++) worst = std::max(worst, std::abs(got[i] - want[i]));
  EXPECT_LT(worst / scale, 3e-6);
}

template <class Cell, class Weight>
void check(int64_t steps, int64_t batch, int64_t hidden, int threads) {
  Case<Cell, Weight> some(steps, batch, hidden);
  some.problem.solve();
  ThreadTeam team(threads);
  const auto stream = some.stream();
  cpu::StreamPass<Cell, Weight>(stream).run(team);
  expect_near(some.output, some.problem.output);
  for (int s = 0; s < Cell::kStates; s++) expect_near(some.hn[s], some.problem.hn[s]);
}

template <class Cell>
class StreamTest : public testing::Test {};
TYPED_TEST_SUITE(StreamTest, AllCells);

TYPED_TEST(StreamTest, EveryWeightAgreesWithPlainLoops) {
  for (int64_t hidden : {1, 5, 16, 33})
    for (int64_t batch : {1, 2, 4, 7}) {
      check<TypeParam, float>(3, batch, hidden, 1);
      check<TypeParam, BFloat16>(3, batch, hidden, 1);
      check<TypeParam, int8_t>(3, batch, hidden, 1);
    }
}

TYPED_TEST(StreamTest, ThreadsShareTheUnits) { check<TypeParam, int8_t>(4, 3, 160, 3); }

TYPED_TEST(StreamTest, MoreStepsThanAChunk) { check<TypeParam, BFloat16>(131, 1, 20, 1); }

TYPED_TEST(StreamTest, LayersAreOneAfterTheOther) {
  using Cell = TypeParam;
  Case<Cell, float> first(5, 2, 160);
  const int64_t H = first.H, state = 2 * H;
  Floats square(Cell::kGates * H * H);
  for (size_t i = 0; i < square.size(); i++) square[i] = 0.1f * float(int(i * 7919 % 61) - 30) / 30;
  auto layer = first.stream().layers[0];
  layer.inputs = H, layer.w_ih = square.data();

  auto one = first.stream();
  ThreadTeam team(3);
  cpu::StreamPass<Cell, float>(one).run(team);
  Floats input = first.output, want(first.output.size()), want_hn[2], got(want), hn[2];
  one.layers = {layer}, one.input = input.data(), one.output = want.data();
  for (int s = 0; s < Cell::kStates; s++) want_hn[s].resize(state), one.hn[s] = want_hn[s].data();
  cpu::StreamPass<Cell, float>(one).run(team);

  auto both = first.stream();
  both.layers.push_back(layer), both.output = got.data();
  Floats hx[2];
  for (int s = 0; s < Cell::kStates; s++) {
    hx[s] = first.hx[s], hx[s].insert(hx[s].end(), first.hx[s].begin(), first.hx[s].end());
    hn[s].resize(2 * state), both.hx[s] = hx[s].data(), both.hn[s] = hn[s].data();
  }
  cpu::StreamPass<Cell, float>(both).run(team);
  EXPECT_EQ(got, want);
  for (int s = 0; s < Cell::kStates; s++) {
    EXPECT_EQ(Floats(hn[s].begin(), hn[s].begin() + state), first.hn[s]);
    EXPECT_EQ(Floats(hn[s].begin() + state, hn[s].end()), want_hn[s]);
  }
}

}  // namespace
}  // namespace fastlm
