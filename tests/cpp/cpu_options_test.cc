// The options of a layer: the same results in either number type and for any team, within their memory. That the
// results are right is tested in Python, against fastlm.reference.
#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "core/rnn/cells.h"
#include "cpu/rnn.h"
#include "team.h"

namespace fastlm {
namespace {

struct Options {
  int64_t projection = 0;
  bool norm = false, mask = false, states = false;
  double zoneout = 0, clip = 0;
  bool random = true;
};

template <class T>
using Numbers = std::vector<T>;

// Both passes over a packed batch of 7 sequences; every number that they write, one array behind the other.
template <class Cell, class T>
Numbers<double> run(const Options& options, int64_t hidden, bool reverse, cpu::Team& team) {
  constexpr int G = Cell::kGates, S = Cell::kStates;
  const std::vector<int64_t> sizes{7, 7, 5, 2, 2, 1};
  std::vector<int64_t> offsets;
  int64_t rows = 0;
  for (int64_t size : sizes) offsets.push_back(rows), rows += size;
  const int64_t H = hidden, P = options.projection ? options.projection : H, I = 6, B = sizes[0];
  const Walk walk{{int64_t(sizes.size()), B, sizes.data(), offsets.data()}, reverse};

  std::mt19937 random(5);
  std::normal_distribution<double> normal(0, 0.4);
  const auto draw = [&](int64_t count, double mean = 0) {
    Numbers<T> numbers(count);
    for (T& number : numbers) number = T(mean + normal(random));
    return numbers;
  };
  const auto unwritten = [](int64_t count) { return Numbers<T>(count, std::numeric_limits<T>::quiet_NaN()); };
  const bool diagonal = Cell::kRecurrence == Recurrence::kDiagonal;
  const int64_t gains = gain_count(G, H, kOutputApart<Cell>);
  auto w_hh = draw(diagonal ? G * H : G * H * P);
  const auto input = draw(rows * I), w_ih = draw(G * H * I), b_ih = draw(G * H), b_hh = draw(G * H), w_hr = draw(P * H),
             gain = draw(gains, 1);
  for (T& weight : w_hh) weight /= T(std::sqrt(double(P)));  // so that nothing explodes over the steps
  const auto grad_output = draw(rows * P), grad_states = draw(rows * H), mask = draw(B * P, 1);
  const Numbers<T> hx[] = {draw(B * P), draw(B * H)}, grad_hn[] = {draw(B * P), draw(B * H)};

  RnnOptions<T> common{};
  common.outputs = P, common.states_stride = H, common.bptt_clip = options.clip;
  if (options.projection) common.w_hr = w_hr.data();
  if (options.norm) common.gains = gain.data();
  if (options.mask) common.h_mask = mask.data();
  common.zoneout = {9, options.random, {options.zoneout, S > 1 ? options.zoneout : 0}, reverse};
  const int64_t kept_width = kept_layout<Cell>(H, common).width;

  auto output = unwritten(rows * P), saved = unwritten(rows * kSlots<Cell> * H), kept = unwritten(rows * kept_width),
       states = unwritten(options.states && S > 1 ? rows * H : 0);
  Numbers<T> hn[] = {unwritten(B * P), unwritten(B * H)}, d_hx[] = {unwritten(B * P), unwritten(B * H)};
  cpu::LayerForward<T> f{};
  f.walk = walk, f.hidden = H, f.b_ih = b_ih.data(), f.b_hh = b_hh.data(), f.w_hh = w_hh.data();
  f.inputs = I, f.input = input.data(), f.w_ih = w_ih.data(), f.options = common;
  f.output = output.data(), f.output_stride = P, f.saved = saved.data(), f.kept = kept.data();
  if (!states.empty()) f.states[1] = states.data();
  for (int s = 0; s < S; s++) f.hx[s] = hx[s].data(), f.hn[s] = hn[s].data();
  cpu::rnn_forward(Cell::kName, std::vector{f}, team);

  auto d_input = unwritten(rows * I), d_w_ih = unwritten(w_ih.size()), d_w_hh = unwritten(w_hh.size()),
       d_b_ih = unwritten(G * H), d_b_hh = unwritten(G * H), d_w_hr = unwritten(options.projection ? P * H : 0),
       d_gains = unwritten(options.norm ? gains : 0);
  cpu::LayerBackward<T> b{};
  b.walk = walk, b.hidden = H, b.w_hh = w_hh.data(), b.inputs = I, b.input = input.data(), b.w_ih = w_ih.data();
  b.options = common, b.output = output.data(), b.output_stride = P, b.saved = saved.data(), b.kept = kept.data();
  b.grad_output = grad_output.data(), b.grad_output_stride = P;
  if (!states.empty()) b.grad_states[1] = grad_states.data();
  b.d_input = d_input.data(), b.d_w_ih = d_w_ih.data(), b.d_w_hh = d_w_hh.data();
  b.d_b_ih = d_b_ih.data(), b.d_b_hh = d_b_hh.data(), b.d_w_hr = d_w_hr.data(), b.d_gains = d_gains.data();
  for (int s = 0; s < S; s++) b.hx[s] = hx[s].data(), b.grad_hn[s] = grad_hn[s].data(), b.d_hx[s] = d_hx[s].data();
  cpu::rnn_backward(Cell::kName, std::vector{b}, team);

  Numbers<double> all;
  const auto add = [&](const Numbers<T>& numbers) { all.insert(all.end(), numbers.begin(), numbers.end()); };
  for (const auto* numbers : {&output, &states, &d_input, &d_w_ih, &d_w_hh, &d_b_ih, &d_b_hh, &d_w_hr, &d_gains})
    add(*numbers);
  for (int s = 0; s < S; s++) add(hn[s]), add(d_hx[s]);
  return all;
}

template <class Cell>
std::vector<Options> options_of() {
  std::vector<Options> table{{.mask = true}, {.zoneout = 0.3}, {.zoneout = 0.3, .random = false}, {.clip = 0.05}};
  if (Cell::kStates > 1) table.push_back({.states = true});
  if (Cell::kRecurrence == Recurrence::kMatrix) table.push_back({.norm = true, .mask = true, .zoneout = 0.2});
  if (kOutputApart<Cell>) {
    table.push_back({.projection = 19, .zoneout = 0.3});
    table.push_back({.projection = 5, .norm = true, .mask = true, .states = true, .zoneout = 0.3, .clip = 0.05});
  }
  return table;
}

template <class Cell>
class CpuOptions : public testing::Test {};
template <class... Cell>
testing::Types<Cell...> types_of(CellList<Cell...>);
using CompiledCells = decltype(types_of(Cells()));
TYPED_TEST_SUITE(CpuOptions, CompiledCells);

TYPED_TEST(CpuOptions, AnyTypeAndAnyTeamGiveTheSame) {
  ThreadTeam one(1), three(3), many(16);
  for (const Options& options : options_of<TypeParam>())
    for (int64_t hidden : {1, 33, 200})
      for (bool reverse : {false, true}) {
        SCOPED_TRACE(testing::Message() << "P " << options.projection << ", norm " << options.norm << ", mask "
                                        << options.mask << ", zoneout " << options.zoneout << ", clip " << options.clip
                                        << ", H " << hidden << ", reverse " << reverse);
        const auto want = run<TypeParam, double>(options, hidden, reverse, one);
        double scale = 0.3;
        for (double number : want) scale = std::max(scale, std::abs(number));
        for (cpu::Team* team : std::initializer_list<cpu::Team*>{&one, &three, &many}) {
          const auto got = run<TypeParam, float>(options, hidden, reverse, *team);
          ASSERT_EQ(got.size(), want.size());
          double worst = 0;
          for (size_t i = 0; i < got.size(); i++)
            worst = std::isnan(got[i]) ? got[i] : std::max(worst, std::abs(got[i] - want[i]));
          EXPECT_LT(worst / scale, hidden == 1 && options.norm ? 1e-3 : 2e-5);  // the norm of one unit is no scale
        }
      }
}

}  // namespace
}  // namespace fastlm
