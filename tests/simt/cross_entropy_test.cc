// CUDA cross entropy, executed on the CPU, against plain loops; its sums, its factors, and how rows are cut in chunks.
#include <gtest/gtest.h>

#include "cross_entropy_case.h"
#include "simt_test.h"

namespace fastlm {
namespace {

template <class T>
class SimtCrossEntropy : public simt::SimtTest {
 protected:
  using C = cuda::Computed<T>;
  static constexpr double kUnit = std::is_same_v<T, double>  ? 1e-14
                                  : std::is_same_v<T, float> ? 3e-7
                                  : std::is_same_v<T, __half>
                                      ? 1e-3
                                      : 8e-3;  // rounding of the gradients; all else is computed in C
  static constexpr double kLoss = std::is_same_v<T, double> ? 1e-14 : 1e-6;

  static void expect_right(int64_t rows, int64_t classes, const CrossEntropyOptions& options = {}) {
    EXPECT_EQ((CrossEntropyCase<T>(rows, classes, options).complaint(kLoss, 4 * kUnit)), "")
        << rows << " rows, " << classes << " classes";
  }

  static std::vector<T> draw(int64_t count) {
    std::vector<T> numbers(count);
    for (int64_t i = 0; i < count; i++) numbers[i] = T(C(double(i % 17) / 8 - 1));
    return numbers;
  }
};

using Types = testing::Types<float, double, __half, __nv_bfloat16>;
TYPED_TEST_SUITE(SimtCrossEntropy, Types);

TYPED_TEST(SimtCrossEntropy, EqualsPlainLoopsForAnyNumberOfClasses) {
  for (const int64_t classes : {1, 2, 3, 4, 7, 8, 9, 31, 127, 300, 1025, 5003}) this->expect_right(4, classes);
}

TYPED_TEST(SimtCrossEntropy, EqualsPlainLoopsWithAnyOptions) {
  for (const bool bias : {false, true})
    for (const bool grad : {false, true})
      for (const CrossEntropyRule rule : {CrossEntropyRule{}, {0.3, 0}, {0, 0.02}, {1, 0.5}})
        this->expect_right(5, 61, {bias, grad, true, rule});
  this->expect_right(150, 37, {.ignored = false});
}

TYPED_TEST(SimtCrossEntropy, InAnyOrderOfTheThreads) {
  simt::SimtTest::in_every_order([&] { this->expect_right(3, 1300); });
}

TYPED_TEST(SimtCrossEntropy, OfLogitsFarFromZero) {
  this->expect_right(6, 700, {.bias = false, .grad = false, .rule = {}, .scale = 5000});
  using T = TypeParam;
  CrossEntropyCase<T> edges(4, 520, {.bias = false, .grad = false, .rule = {}});
  for (int64_t c = 0; c < 500; c++) edges.logits()[c] = T(-INFINITY);            // row 0: but for the last ones
  for (int64_t c = 0; c < 520; c++) edges.logits()[2 * 520 + c] = T(-INFINITY);  // NaN, as in torch
  edges.logits()[3 * 520 + 44] = T(float(NAN));
  EXPECT_EQ(edges.complaint(this->kLoss, 4 * this->kUnit), "");
}

TYPED_TEST(SimtCrossEntropy, WithoutAGradientTheLogitsStay) {
  const CrossEntropyCase<TypeParam> only_loss(5, 90, {});
  EXPECT_EQ(only_loss.complaint(this->kLoss, 0, false), "");
}

TYPED_TEST(SimtCrossEntropy, ATargetOutOfBoundsGivesNan) {
  CrossEntropyCase<TypeParam> wrong(6, 40, {});
  wrong.target() = {40, 39, -1, kIgnored, int64_t{1} << 62, std::numeric_limits<int64_t>::min()};
  EXPECT_EQ(wrong.complaint(this->kLoss, 4 * this->kUnit), "");
}

TYPED_TEST(SimtCrossEntropy, LossesAreReducedAsTheRuleSays) {
  using T = TypeParam;
  using C = cuda::Computed<T>;
  for (const int64_t rows : {0, 1, 5, 700})
    for (const bool mean : {false, true})
      for (const bool all_ignored : {false, true}) {
        SCOPED_TRACE(testing::Message() << rows << " rows, mean " << mean << ", all ignored " << all_ignored);
        std::vector<C> losses(rows);
        std::vector<int64_t> target(rows);
        double sum = 0, count = 0;
        for (int64_t r = 0; r < rows; r++) {
          target[r] = all_ignored || r % 4 == 2 ? kIgnored : r;
          losses[r] = target[r] == kIgnored ? C(NAN) : C(r % 13);  // what is not to be read
          if (target[r] != kIgnored) sum += double(losses[r]), count++;
        }
        const T grad = T(C(0.5));
        T loss = T(float(NAN));
        C factor = C(NAN);
        cuda::reduce_losses<T>({rows, losses.data(), target.data(), kIgnored, mean, &grad, &loss, &factor}, nullptr);
        if (mean && count == 0)
          EXPECT_TRUE(std::isnan(C(loss)));
        else
          EXPECT_EQ(C(loss), C(T(C(mean ? sum / count : sum))));
        EXPECT_EQ(factor, mean && count > 0 ? C(0.5) / C(count) : C(0.5));
      }
}

TYPED_TEST(SimtCrossEntropy, SumsAndFactors) {
  using T = TypeParam;
  using C = cuda::Computed<T>;
  for (const int64_t count : {0, 1, 3, 4, 1023, 4103}) {
    const std::vector<T> part = this->draw(count);
    auto product = unwritten_numbers<T>(count);
    std::vector<C> sums(count);
    for (int64_t i = 0; i < count; i++) sums[i] = C(i);
    cuda::add_to_sums<T>(part.data(), sums.data(), count, nullptr);
    const C factor = C(0.3);
    cuda::multiply_by<T, T>(&factor, part.data(), product.data(), count, nullptr);
    for (int64_t i = 0; i < count; i++) {
      ASSERT_EQ(sums[i], C(i) + C(part[i]));
      ASSERT_EQ(C(product[i]), C(T(C(part[i]) * factor)));
    }
    cuda::multiply_by<C, T>(&factor, sums.data(), product.data(), count, nullptr);
    for (int64_t i = 0; i < count; i++) ASSERT_EQ(C(product[i]), C(T(sums[i] * factor)));
    cuda::multiply_by<T, C>(nullptr, part.data(), sums.data(), count, nullptr);
    for (int64_t i = 0; i < count; i++) ASSERT_EQ(sums[i], C(part[i]));
  }
}

TEST(CrossEntropyRows, AreAPowerOfTwoWhoseLogitsFit) {
  const auto rows = [](int64_t N, int64_t H, int64_t V, int64_t bytes) {
    return cuda::cross_entropy_rows(N, H, V, bytes);
  };
  static_assert(cuda::cross_entropy_rows(1 << 20, 512, 50257, 4) == 8192);  // 2 GiB of input
  EXPECT_EQ(rows(8192, 1024, 50257, 4), 1024);                              // 256 MiB
  EXPECT_EQ(rows(8192, 1024, 50257, 2), 2048);
  EXPECT_EQ(rows(20, 1024, 50257, 4), 32);  // no more than there are
  EXPECT_EQ(rows(1 << 20, 16, 10, 2), cuda::kMostLogitRows);
  EXPECT_EQ(rows(1, 1, 1, 8), 1);
  EXPECT_EQ(rows(0, 0, 0, 8), 1);
  EXPECT_EQ(rows(100, 1, int64_t{1} << 40, 4), 1);
  EXPECT_EQ(cuda::cross_entropy_rows(1000, 4, 100, 4, 4096), 32);  // as much as the input
  for (const int64_t V : {1, 7, 8, 9}) EXPECT_EQ(cuda::cross_entropy_stride(V, 2), V < 9 ? 8 : 16);
  EXPECT_EQ(cuda::cross_entropy_stride(5, 8), 6);
}

}  // namespace
}  // namespace fastlm
