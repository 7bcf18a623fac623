// Numbers in few bits: the high bits of ascending ones, and those that only some places have.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "core/ngram/high_bits.h"
#include "core/ngram/ranked.h"

namespace fastlm::ngram {
namespace {

struct Ascending {
  std::vector<uint64_t> numbers;
  HighBits high;

  explicit Ascending(std::vector<uint64_t> all) : numbers(std::move(all)) {
    HighBitsWriter writer;
    for (const uint64_t number : numbers) writer.add(number);
    MemorySink sink;
    writer.finish(sink, "words", "samples");
    const Sections sections = sink.finish();
    high = HighBits(sections.at("words"), sections.at("samples"));
  }
  uint64_t size() const { return numbers.size() - 1; }
};

TEST(HighBits, GiveEachNumberAndTheNext) {
  std::mt19937 random(1);
  for (const auto& steps : {std::vector<uint64_t>{0}, {0, 1}, {0, 0, 0, 3}, {0, 1, 1, 1, 700}}) {
    std::vector<uint64_t> numbers = {0};
    for (int i = 0; i < 3000; i++) numbers.push_back(numbers.back() + steps[random() % steps.size()]);
    const Ascending ascending(numbers);
    EXPECT_TRUE(ascending.high.valid(ascending.size(), numbers.back(), true));
    for (uint64_t i = 0; i < ascending.size(); i++)
      EXPECT_EQ(ascending.high.two(i), std::pair(numbers[i], numbers[i + 1])) << i;
  }
}

TEST(HighBits, OtherSizesAreNotValid) {
  const Ascending ascending({0, 2, 2, 5});
  EXPECT_TRUE(ascending.high.valid(3, 5, true));
  EXPECT_FALSE(ascending.high.valid(3, 4, true));
  EXPECT_FALSE(ascending.high.valid(2, 5, true));
  EXPECT_FALSE(ascending.high.valid(3, 70, false));
}

TEST(RankedNumbers, AreFoundAtTheirPlaces) {
  std::mt19937 random(2);
  constexpr uint64_t kPlaces = 5000;
  for (const unsigned each : {1, 3, 700, 100000}) {
    std::map<uint64_t, uint64_t> numbers;
    RankedWriter writer;
    for (uint64_t place = 0; place <= kPlaces; place++)
      if (random() % each == 0) writer.add(place, numbers[place] = random());
    MemorySink sink;
    writer.finish(sink, "wide", 2, kPlaces);
    const RankedNumbers ranked(sink.finish(), "wide", 2);
    EXPECT_TRUE(ranked.valid(kPlaces, true));
    EXPECT_FALSE(ranked.valid(kPlaces + 64, false));
    EXPECT_EQ(ranked.size(), numbers.size());
    for (uint64_t place = 0; place <= kPlaces; place++) {
      EXPECT_EQ(ranked.has(place), numbers.contains(place));
      if (ranked.has(place)) {
        EXPECT_EQ(ranked[ranked.at(place)], numbers[place]);
      }
    }
  }
}

}  // namespace
}  // namespace fastlm::ngram
