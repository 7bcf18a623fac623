#include "core/philox.h"

#include <gtest/gtest.h>

#include "core/dropout.h"

namespace fastlm {
namespace {

// Random123 1.14.0, examples/kat_vectors, philox4x32 10.
TEST(Philox, EqualsThePublishedKnownAnswers) {
  const auto of = [](PhiloxWords<uint32_t> counter, uint64_t key) {
    PhiloxWords<uint32_t> words[1] = {counter};
    philox4x32(words, key);
    return std::vector<uint32_t>(words[0].v, words[0].v + 4);
  };
  EXPECT_EQ(of({{0, 0, 0, 0}}, 0), (std::vector<uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(of({{~0u, ~0u, ~0u, ~0u}}, ~0ull), (std::vector<uint32_t>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(of({{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}}, 0x299f31d0a4093822),
            (std::vector<uint32_t>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(DropoutRule, KeepsAllAtZeroAndNoneAtOne) {
  for (uint64_t quad = 0; quad < 1000; quad++)
    for (uint32_t word : DropoutRule(5, 0).words(quad).v) {
      EXPECT_EQ(DropoutRule(5, 0).factor(word), 1.0f);
      EXPECT_EQ(DropoutRule(5, 1).factor(word), 0.0f);
    }
}

}  // namespace
}  // namespace fastlm
