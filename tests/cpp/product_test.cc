// Packing and the products on packed matrices, against plain loops.
#include "cpu/product.h"

#include <gtest/gtest.h>

#include <random>

#include "team.h"

namespace fastlm::cpu {
namespace {

template <class T>
class ProductTest : public testing::Test {
 protected:
  std::vector<T> draw(int64_t count) {
    std::vector<T> numbers(count);
    for (T& number : numbers) number = T(normal_(random_));
    return numbers;
  }
  static void expect_near(T got, double want, int64_t depth) {
    EXPECT_NEAR(got, want, (sizeof(T) == 4 ? 1e-6 : 1e-14) * (4 + depth));
  }

 private:
  std::mt19937 random_{11};
  std::normal_distribution<double> normal_;
};
using Numbers = testing::Types<float, double>;
TYPED_TEST_SUITE(ProductTest, Numbers);

TYPED_TEST(ProductTest, PackingEitherWayGivesTheSamePanels) {
  using T = TypeParam;
  for (int64_t depth : {1, 7, 16, 33})
    for (int64_t columns : {1, 5, 16, 32, 45}) {
      const std::vector<T> matrix = this->draw(depth * columns);
      std::vector<T> transposed(matrix.size());
      for (int64_t k = 0; k < depth; k++)
        for (int64_t n = 0; n < columns; n++) transposed[n * depth + k] = matrix[k * columns + n];
      PackedMatrix<T> a(depth, columns), b(depth, columns);
      for (int64_t p = 0; p < a.panels(); p++) {
        a.pack(p, [&](int64_t k) { return matrix.data() + k * columns; });
        b.pack_transposed(p, transposed.data(), depth);
        for (int64_t k = 0; k < depth; k++)
          for (int j = 0; j < kPanelWidth<T>; j++) {
            const int64_t n = p * kPanelWidth<T> + j, at = k * kPanelWidth<T> + j;
            ASSERT_EQ(a.panel(p)[at], n < columns ? matrix[k * columns + n] : T(0));
            ASSERT_EQ(b.panel(p)[at], a.panel(p)[at]);
          }
      }
    }
}

TYPED_TEST(ProductTest, RowsTimesAMatrix) {
  using T = TypeParam;
  for (int threads : {1, 3})
    for (int64_t rows : {1, 5, 13, 70})
      for (int64_t depth : {1, 40, 300})
        for (int64_t columns : {1, 35}) {
          ThreadTeam team(threads);
          const std::vector<T> a = this->draw(rows * depth), b = this->draw(depth * columns);
          PackedMatrix<T> packed(depth, columns);
          for (int64_t p = 0; p < packed.panels(); p++)
            packed.pack(p, [&](int64_t k) { return b.data() + k * columns; });
          std::vector<T> c(rows * columns, T(7));
          multiply_rows(a.data(), depth, rows, packed, c.data(), false, team);
          multiply_rows(a.data(), depth, rows, packed, c.data(), true, team);  // twice the product
          for (int64_t r = 0; r < rows; r++)
            for (int64_t n = 0; n < columns; n++) {
              double sum = 0;
              for (int64_t k = 0; k < depth; k++) sum += double(a[r * depth + k]) * b[k * columns + n];
              this->expect_near(c[r * columns + n], 2 * sum, depth);
            }
        }
}

TYPED_TEST(ProductTest, SumsOfOuterProductsAndOfRows) {
  using T = TypeParam;
  for (int threads : {1, 3})
    for (int64_t count : {0, 1, 5, 300, 600})
      for (int64_t m : {1, 13, 100})
        for (int64_t n : {1, 33}) {
          ThreadTeam team(threads);
          const std::vector<T> a = this->draw(count * m), b = this->draw(count * n);
          const auto row_a = [&](int64_t k) { return a.data() + k * m; };
          const auto row_b = [&](int64_t k) { return k % 3 == 1 ? nullptr : b.data() + k * n; };
          std::vector<T> c(m * n, T(7)), sums(m, T(7)), squares(m, T(7));
          for (bool add : {false, true}) {  // twice the sums
            sum_outer_products(count, row_a, m, row_b, n, c.data(), add, team);
            sum_rows(count, row_a, m, sums.data(), add, team);
            sum_products_of_rows(count, row_a, row_a, m, squares.data(), add, team);
          }
          for (int64_t i = 0; i < m; i++) {
            double total = 0, square = 0;
            for (int64_t k = 0; k < count; k++) total += a[k * m + i], square += double(a[k * m + i]) * a[k * m + i];
            this->expect_near(sums[i], 2 * total, 4 * count);
            this->expect_near(squares[i], 2 * square, 4 * count);
            for (int64_t j = 0; j < n; j++) {
              double sum = 0;
              for (int64_t k = 0; k < count; k++)
                if (row_b(k)) sum += double(a[k * m + i]) * b[k * n + j];
              this->expect_near(c[i * n + j], 2 * sum, 4 * count);
            }
          }
        }
}

}  // namespace
}  // namespace fastlm::cpu
