// The CPU recurrence against plain loops, for every cell: shapes around the tiles, both directions, any team.
#include <gtest/gtest.h>

#include <atomic>

#include "all_cells.h"
#include "cpu/rnn.h"
#include "cpu/rnn_backward.h"
#include "cpu/rnn_forward.h"
#include "rnn_reference.h"
#include "team.h"

namespace fastlm {
namespace {

using Sizes = std::vector<int64_t>;

template <class T>
std::vector<T> as(const std::vector<double>& numbers) {
  return {numbers.begin(), numbers.end()};
}

template <class T>
void expect_near(const std::vector<T>& got, const std::vector<double>& want, const char* what) {
  double scale = 0.3, worst = 0;  // of the numbers that go in: results may cancel
  for (double number : want) scale = std::max(scale, std::abs(number));
  for (size_t i = 0; i < want.size(); i++) worst = std::max(worst, std::abs(got[i] - want[i]));
  EXPECT_LT(worst / scale, sizeof(T) == 4 ? 3e-6 : 1e-13) << what;
}

// Runs both kernels on a problem and compares all that they write. Strides are wider than the rows.
template <class Cell, class T>
void check(Problem<Cell> problem, int threads) {
  constexpr int S = Cell::kStates, kGap = 3;
  problem.solve();
  ThreadTeam team(threads);
  const auto x_gates = as<T>(problem.x_gates), b_ih = as<T>(problem.b_ih), b_hh = as<T>(problem.b_hh),
             w_hh = as<T>(problem.w_hh);
  const int64_t H = problem.hidden, stride = H + kGap, state = problem.batch * H;
  std::vector<T> output(problem.rows * stride, T(-9)), saved(problem.rows * kSlots<Cell> * H),
      grad(problem.rows * stride);
  std::vector<std::vector<T>> hx, grad_hn, hn(S, std::vector<T>(state)), d_hx = hn;
  // The input product is checked on the way: with the identity as W its results are the x_gates of the problem.
  const int64_t inputs = Cell::kGates * H;
  std::vector<T> w_ih(inputs * inputs);
  for (int64_t i = 0; i < inputs; i++) w_ih[i * inputs + i] = T(1);
  cpu::LayerForward<T> f{};
  f.walk = problem.walk(), f.hidden = H, f.b_ih = b_ih.data(), f.b_hh = b_hh.data(), f.w_hh = w_hh.data();
  f.inputs = inputs, f.input = x_gates.data(), f.w_ih = w_ih.data(), f.options.outputs = H;
  f.output = output.data(), f.output_stride = stride, f.saved = saved.data();
  for (int s = 0; s < S; s++) hx.push_back(as<T>(problem.hx[s])), grad_hn.push_back(as<T>(problem.grad_hn[s]));
  for (int s = 0; s < S; s++) f.hx[s] = hx[s].data(), f.hn[s] = hn[s].data();
  cpu::forward_pass<Cell>(std::vector{f}, team);

  const auto rows = [&](const std::vector<T>& strided) {
    std::vector<T> dense;
    for (int64_t r = 0; r < problem.rows; r++)
      dense.insert(dense.end(), strided.begin() + r * stride, strided.begin() + r * stride + H);
    return dense;
  };
  expect_near(rows(output), problem.output, "output");
  expect_near(saved, problem.saved, "saved");
  for (int s = 0; s < S; s++) expect_near(hn[s], problem.hn[s], "hn");
  for (int64_t r = 0; r < problem.rows; r++)
    for (int i = 0; i < kGap; i++) EXPECT_EQ(output[r * stride + H + i], T(-9)) << "written outside of the row";

  for (int64_t r = 0; r < problem.rows; r++)
    for (int64_t u = 0; u < H; u++) grad[r * stride + u] = T(problem.grad_output[r * H + u]);
  std::vector<T> d_input(problem.rows * inputs), d_w_ih(inputs * inputs), d_w_hh(w_hh.size()), d_b_ih(inputs),
      d_b_hh(inputs);
  cpu::LayerBackward<T> b{};
  b.walk = problem.walk(), b.hidden = H, b.w_hh = w_hh.data();
  b.inputs = inputs, b.input = x_gates.data(), b.w_ih = w_ih.data(), b.options.outputs = H;
  b.output = output.data(), b.output_stride = stride, b.saved = saved.data();
  b.grad_output = grad.data(), b.grad_output_stride = stride;
  b.d_input = d_input.data(), b.d_w_ih = d_w_ih.data(), b.d_w_hh = d_w_hh.data();
  b.d_b_ih = d_b_ih.data(), b.d_b_hh = d_b_hh.data();
  for (int s = 0; s < S; s++) b.hx[s] = hx[s].data();
  for (int s = 0; s < S; s++) b.grad_hn[s] = grad_hn[s].data(), b.d_hx[s] = d_hx[s].data();
  cpu::backward_pass<Cell>(std::vector{b}, team);
  for (int s = 0; s < S; s++) expect_near(d_hx[s], problem.d_hx[s], "d_hx");
  expect_near(d_input, problem.d_x_gates, "d_input");
  expect_near(d_w_ih, problem.d_w_ih, "d_w_ih");
  expect_near(d_w_hh, problem.d_w_hh, "d_w_hh");
  expect_near(d_b_ih, problem.d_b_ih, "d_b_ih");
  expect_near(d_b_hh, problem.d_b_hh, "d_b_hh");
}

template <class Cell>
class CpuRnn : public testing::Test {};
TYPED_TEST_SUITE(CpuRnn, AllCells);

TYPED_TEST(CpuRnn, EqualsPlainLoops) {
  unsigned seed = 1;
  for (const Sizes& sizes :
       {Sizes{2, 2, 2}, Sizes{1}, Sizes{1, 1, 1, 1}, Sizes{13, 13}, Sizes{5, 3, 3, 1}, Sizes{4, 1, 1}})
    for (int64_t hidden : {1, 3, 16, 17, 33, 70})
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(testing::Message() << "T " << sizes.size() << ", B " << sizes[0] << ", H " << hidden
                                        << (reverse ? ", reverse" : ""));
        check<TypeParam, float>({sizes, hidden, reverse, seed}, 1);
        check<TypeParam, double>({sizes, hidden, reverse, seed++}, 1);
      }
}

TYPED_TEST(CpuRnn, AnyTeamGivesTheSame) {
  for (int threads : {2, 3, 16})
    for (bool reverse : {false, true}) check<TypeParam, float>({{9, 9, 6, 2, 2}, 37, reverse, 3}, threads);
}

// Few sequences and many units: threads share the units of each step.
TYPED_TEST(CpuRnn, ThreadsInStepGiveTheSame) {
  for (int threads : {2, 3, 16})
    for (bool reverse : {false, true}) check<TypeParam, float>({{3, 3, 1}, 200, reverse, 4}, threads);
}

// Its slices run one after the other, as in a pool that is busy.
class SerialTeam final : public cpu::Team {
 public:
  int size() const override { return 4; }
  void for_slices(int64_t count, int64_t, const std::function<void(int64_t, int64_t)>& work) override {
    for (int64_t i = 0; i < count; i++) work(i, i + 1);
  }
};

TEST(Crew, DoesEachShareOnceOnAnyTeam) {
  SerialTeam serial;
  ThreadTeam one(1), two(2), many(16);
  for (cpu::Team* team : std::initializer_list<cpu::Team*>{&serial, &one, &two, &many})
    for (int64_t shares : {1, 2, 7}) {
      std::vector<std::atomic<int>> done(shares);
      std::atomic<int> early = 0;
      cpu::with_crew(*team, shares, [&](int64_t begin, int64_t end, cpu::Barrier& barrier) {
        for (int round = 0; round < 50; round++) {
          for (int64_t i = begin; i < end; i++) done[i]++;
          barrier.wait(end - begin, 2 * round);
          for (const auto& count : done) early += count != round + 1;
          barrier.wait(end - begin, 2 * round + 1);
        }
      });
      for (const auto& count : done) EXPECT_EQ(count, 50);
      EXPECT_EQ(early, 0) << "a member went on before the others had arrived";
    }
}

}  // namespace
}  // namespace fastlm
