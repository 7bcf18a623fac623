// Every cell: its backward against central differences of its forward, and its SIMD version against the scalar one.
#include <gtest/gtest.h>

#include <random>

#include "all_cells.h"
#include "cpu/simd_math.h"

namespace fastlm {
namespace {

template <class Cell>
class CellTest : public testing::Test {
 protected:
  static constexpr int G = Cell::kGates, S = Cell::kStates, K = Cell::kSaved;
  double draw() { return normal_(random_); }
  template <class T, int N>
  Pack<T, N> draw_pack() {
    Pack<T, N> pack;
    for (int i = 0; i < N; i++) pack[i] = T(draw());
    return pack;
  }

 private:
  std::mt19937 random_{7};
  std::normal_distribution<double> normal_;
};
TYPED_TEST_SUITE(CellTest, AllCells);

TYPED_TEST(CellTest, BackwardIsTheSlopeOfForward) {
  constexpr int G = TestFixture::G, S = TestFixture::S;
  for (int trial = 0; trial < 200; trial++) {
    auto x = this->template draw_pack<double, G>(), h = this->template draw_pack<double, G>();
    auto before = this->template draw_pack<double, S>();
    const auto d = this->template draw_pack<double, S>();
    const auto f = TypeParam::forward(x, h, before);
    const auto back = TypeParam::backward(f.saved, before, f.after[0], d);
    const auto loss = [&] {
      const auto result = TypeParam::forward(x, h, before);
      double sum = 0;
      for (int s = 0; s < S; s++) sum += d[s] * result.after[s];
      return sum;
    };
    const auto expect_slope = [&](double& at, double slope) {
      const double keep = at, step = 1e-6;
      at = keep + step;
      const double up = loss();
      at = keep - step;
      const double down = loss();
      at = keep;
      EXPECT_NEAR((up - down) / (2 * step), slope, 1e-7);
    };
    for (int g = 0; g < G; g++) {
      expect_slope(x[g], back.dx[g]);
      expect_slope(h[g], back.dh[g]);
      if (TypeParam::kGatesAdd) {
        EXPECT_EQ(back.dx[g], back.dh[g]);
      }
    }
    for (int s = 0; s < S; s++) expect_slope(before[s], back.d_before[s]);
    if (!TypeParam::kDirectPath) {
      EXPECT_EQ(back.d_before[0], 0);
    }
  }
}

TYPED_TEST(CellTest, VectorsGiveWhatNumbersGive) {
  constexpr int G = TestFixture::G, S = TestFixture::S;
  using V = cpu::Vec<float>;
  constexpr int kLane = cpu::kLanes<float>;
  for (int trial = 0; trial < 50; trial++) {
    Pack<V, G> x, h;
    Pack<V, S> before;
    const auto fill = [&](V& v) {
      for (int i = 0; i < kLane; i++) v[i] = float(this->draw());
    };
    for (int g = 0; g < G; g++) fill(x[g]), fill(h[g]);
    for (int s = 0; s < S; s++) fill(before[s]);
    const auto wide = TypeParam::forward(x, h, before);
    for (int i = 0; i < kLane; i++) {
      Pack<float, G> x1, h1;
      Pack<float, S> before1;
      for (int g = 0; g < G; g++) x1[g] = x[g][i], h1[g] = h[g][i];
      for (int s = 0; s < S; s++) before1[s] = before[s][i];
      const auto one = TypeParam::forward(x1, h1, before1);
      for (int s = 0; s < S; s++) EXPECT_NEAR(one.after[s], wide.after[s][i], 5e-7);
    }
  }
}

TEST(Cells, AreFoundByName) {
  EXPECT_EQ(with_cell("rnn_relu", []<class Cell>(Cell) { return std::string(Cell::kName); }), "rnn_relu");
  EXPECT_THROW(with_cell("cube", []<class Cell>(Cell) { return 0; }), std::invalid_argument);
}

}  // namespace
}  // namespace fastlm
