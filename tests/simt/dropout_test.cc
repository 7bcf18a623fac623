// CUDA dropout, executed on the CPU: the bits of core's rule and of the CPU's kernel, for any size, type and alignment.
#include "cuda/dropout.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <vector>

#include "core/half.h"
#include "cpu/dropout.h"
#include "cuda/dropout.cuh"
#include "team.h"

namespace fastlm {
namespace {

using cuda::Number;

constexpr int64_t kSeed = 0x0123456789ABCDEF;

template <class Gpu, class Cpu, Number kNumber>
struct Kind {
  using OnGpu = Gpu;
  using OnCpu = Cpu;  // the same bits
  static constexpr Number number = kNumber;
};

template <class Kind>
class SimtDropout : public testing::Test {
 protected:
  using Gpu = typename Kind::OnGpu;
  using Cpu = typename Kind::OnCpu;

  static std::vector<Gpu> draw(int64_t count) {
    std::mt19937 random(unsigned(count) + 1);
    std::normal_distribution<float> normal;
    std::vector<Gpu> numbers;
    for (int64_t i = 0; i < count; i++) numbers.push_back(Gpu(normal(random)));
    return numbers;
  }

  // By the rule alone, one element at a time.
  static std::vector<Gpu> plain(const Gpu* input, int64_t count, double p) {
    using Compute = std::conditional_t<sizeof(Gpu) == 8, double, float>;
    const DropoutRule rule(kSeed, p);
    std::vector<Gpu> output;
    for (int64_t i = 0; i < count; i++)
      output.push_back(Gpu(Compute(input[i]) * Compute(rule.factor(rule.words(uint64_t(i) / 4).v[i % 4]))));
    return output;
  }

  static void expect_same_bits(const Gpu* got, const void* want, int64_t count) {
    if (count > 0) {
      EXPECT_EQ(std::memcmp(got, want, count * sizeof(Gpu)), 0);
    }
  }
};

using Kinds = testing::Types<Kind<float, float, Number::kFloat>, Kind<double, double, Number::kDouble>,
                             Kind<__half, Half, Number::kHalf>, Kind<__nv_bfloat16, BFloat16, Number::kBFloat16>>;
TYPED_TEST_SUITE(SimtDropout, Kinds);

TYPED_TEST(SimtDropout, HasTheBitsOfTheRuleAndOfTheCpu) {
  using Gpu = typename TypeParam::OnGpu;
  using Cpu = typename TypeParam::OnCpu;
  for (const int64_t count : {0, 1, 3, 4, 5, 7, 8, 9, 31, 129, 1023, 4099})
    for (const double p : {0.0, 0.3, 1.0})
      for (const int64_t shift : {0, 1}) {  // of the arrays, in elements: 1 is not aligned for wide loads
        SCOPED_TRACE(testing::Message() << count << " elements, p " << p << ", shift " << shift);
        const auto input = this->draw(count + shift);
        std::vector<Gpu> output(count + shift);
        cuda::dropout(TypeParam::number, &kSeed, p, input.data() + shift, output.data() + shift, count, nullptr);
        this->expect_same_bits(output.data() + shift, this->plain(input.data() + shift, count, p).data(), count);
        std::vector<Cpu> on_cpu(count);
        ThreadTeam team;
        cpu::dropout(DropoutRule(kSeed, p), reinterpret_cast<const Cpu*>(input.data() + shift), on_cpu.data(), count,
                     team);
        this->expect_same_bits(output.data() + shift, on_cpu.data(), count);
      }
}

TYPED_TEST(SimtDropout, ASmallGridGoesRoundAgain) {
  using Gpu = typename TypeParam::OnGpu;
  const int64_t count = 5001;
  const auto input = this->draw(count);
  std::vector<Gpu> output(count);
  cuda::launch("dropout", cuda::dropout_kernel<Gpu, true>, {dim3(2), dim3(64)}, nullptr, &kSeed, DropoutRule(0, 0.5),
               input.data(), output.data(), count);
  this->expect_same_bits(output.data(), this->plain(input.data(), count, 0.5).data(), count);
}

}  // namespace
}  // namespace fastlm
