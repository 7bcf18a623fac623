// Tensor cores: products of numbers that are unlike each other in every place, against plain loops.
#include <cuda_runtime.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "cuda/ptx.cuh"
#include "simt_test.h"

namespace simt {
namespace {

namespace ptx = fastlm::cuda::ptx;

template <class T>
class Mma : public SimtTest {};
using Types = testing::Types<__half, __nv_bfloat16, float>;
TYPED_TEST_SUITE(Mma, Types);

uint32_t pack(__half first, __half second) {
  return std::bit_cast<uint16_t>(first.number) | uint32_t(std::bit_cast<uint16_t>(second.number)) << 16;
}
uint32_t pack(__nv_bfloat16 first, __nv_bfloat16 second) {
  return std::bit_cast<uint16_t>(first) | uint32_t(std::bit_cast<uint16_t>(second)) << 16;
}

template <class T>
struct Problem {
  static constexpr int kDepth = std::is_same_v<T, float> ? 8 : 16;
  T a[16][kDepth], b[kDepth][8];
  float d[16][8], wanted[16][8];

  explicit Problem(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto draw = [&](T& to) {
      if constexpr (std::is_same_v<T, float>)
        to = std::bit_cast<float>(ptx::to_tf32(normal(random)));
      else
        to = T(normal(random));
    };
    for (auto& row : a)
      for (T& number : row) draw(number);
    for (auto& row : b)
      for (T& number : row) draw(number);
    for (int m = 0; m < 16; m++)
      for (int n = 0; n < 8; n++) {
        d[m][n] = wanted[m][n] = normal(random);
        for (int k = 0; k < kDepth; k++) wanted[m][n] = std::fma(float(a[m][k]), float(b[k][n]), wanted[m][n]);
      }
  }

  // What a kernel does: its lane's numbers, as ptx.cuh says, and back.
  void solve() {
    const int q = int(threadIdx.x % 32) / 4, m = int(threadIdx.x) % 4;
    uint32_t a_part[4], b_part[2];
    if constexpr (std::is_same_v<T, float>) {
      const float from_a[4] = {a[q][m], a[q + 8][m], a[q][m + 4], a[q + 8][m + 4]};
      for (int i = 0; i < 4; i++) a_part[i] = std::bit_cast<uint32_t>(from_a[i]);
      for (int i = 0; i < 2; i++) b_part[i] = std::bit_cast<uint32_t>(b[m + 4 * i][q]);
    } else {
      const int rows[4] = {q, q + 8, q, q + 8}, columns[4] = {2 * m, 2 * m, 2 * m + 8, 2 * m + 8};
      for (int i = 0; i < 4; i++) a_part[i] = pack(a[rows[i]][columns[i]], a[rows[i]][columns[i] + 1]);
      for (int i = 0; i < 2; i++) b_part[i] = pack(b[2 * m + 8 * i][q], b[2 * m + 8 * i + 1][q]);
    }
    float part[4] = {d[q][2 * m], d[q][2 * m + 1], d[q + 8][2 * m], d[q + 8][2 * m + 1]};
    ptx::mma(part, a_part, b_part, T());
    d[q][2 * m] = part[0], d[q][2 * m + 1] = part[1], d[q + 8][2 * m] = part[2], d[q + 8][2 * m + 1] = part[3];
  }
};

TYPED_TEST(Mma, IsTheProduct) {
  this->in_every_order([] {
    std::vector<Problem<TypeParam>> problems = {Problem<TypeParam>(1), Problem<TypeParam>(2), Problem<TypeParam>(3)};
    run([&] { problems[threadIdx.x / 32].solve(); }, 1, 96, 0);
    for (const auto& problem : problems)
      for (int m = 0; m < 16; m++)
        for (int n = 0; n < 8; n++) EXPECT_EQ(problem.d[m][n], problem.wanted[m][n]) << m << ", " << n;
  });
}

TYPED_TEST(Mma, ANaNIsInItsRowOnly) {
  Problem<TypeParam> problem(4);
  problem.a[5][3] = TypeParam(std::numeric_limits<float>::quiet_NaN());
  run([&] { problem.solve(); }, 1, 32, 0);
  for (int m = 0; m < 16; m++)
    for (int n = 0; n < 8; n++) EXPECT_EQ(std::isnan(problem.d[m][n]), m == 5);
}

TYPED_TEST(Mma, NeedsAWholeWarpInOnePlace) {
  Problem<TypeParam> problem(5);
  EXPECT_HAS(this->fault_of([&] { problem.solve(); }, 1, 16), "than the 16 of its warp");
  EXPECT_HAS(this->fault_of([&] { threadIdx.x != 9 ? problem.solve() : void(); }, 1, 32),
             "thread 9 of block 0, 0 has ended");
}

using Tf32 = SimtTest;

TEST_F(Tf32, RoundsToTenBitsHalvesAwayFromZero) {
  const auto rounded = [](float number) { return std::bit_cast<float>(ptx::to_tf32(number)); };
  const float unit = std::ldexp(1.0f, -10);
  EXPECT_EQ(rounded(1 + unit), 1 + unit);
  EXPECT_EQ(rounded(1 + unit / 2), 1 + unit);
  EXPECT_EQ(rounded(-1 - unit / 2), -1 - unit);
  EXPECT_EQ(rounded(1 + 0.499f * unit), 1);
  EXPECT_EQ(rounded(2 - unit / 4), 2);
  EXPECT_EQ(rounded(std::numeric_limits<float>::max()), std::numeric_limits<float>::infinity());
  EXPECT_EQ(rounded(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(rounded(std::bit_cast<float>(0x7FFFFFFFu))));
}

TEST_F(Tf32, MmaIgnoresTheLowBits) {
  run(
      [] {
        const uint32_t number = std::bit_cast<uint32_t>(1.0f) | 0x1FFF;  // almost a unit of the last place more
        float d[4] = {};
        ptx::mma(d, {number, number, number, number}, {number, number}, 0.0f);
        for (const float sum : d) EXPECT_EQ(sum, 8);
      },
      1, 32, 0);
}

}  // namespace
}  // namespace simt
