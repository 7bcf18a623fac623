// The index of the words of long ranges.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "core/ngram/word_index.h"

namespace fastlm::ngram {
namespace {

// Ranges of so many words each, and their index.
struct Indexed {
  std::vector<std::vector<Word>> ranges;
  int place_bits;
  WordIndex index;
  uint64_t size = 0;

  Indexed(const std::vector<uint64_t>& sizes, Word vocabulary, unsigned seed) {
    std::mt19937 random(seed);
    for (const uint64_t size : sizes) {
      std::vector<Word> words(vocabulary);
      std::iota(words.begin(), words.end(), 0);
      std::ranges::shuffle(words, random);
      words.resize(size);
      std::ranges::sort(words);
      ranges.push_back(words);
      this->size += size;
    }
    place_bits = int(std::bit_width(std::ranges::max(sizes)));
    MemorySink sink;
    WordIndexWriter writer(sink, "index", place_bits);
    for (const auto& words : ranges) writer.add(words);
    index = WordIndex(sink.finish().at("index"), place_bits);
  }
};

TEST(WordIndex, FindsEachWordAndNoOther) {
  for (const auto& sizes : {std::vector<uint64_t>{9, 0, 8, 100, 1, 10, 257}, {300, 300}, {9}, {140000, 20}}) {
    const Word vocabulary = *std::ranges::max_element(sizes) + 50;
    const Indexed indexed(sizes, vocabulary, 1);
    EXPECT_TRUE(indexed.index.valid(indexed.size));
    EXPECT_FALSE(indexed.index.valid(indexed.size + 2));
    uint64_t begin = 0;
    for (const auto& words : indexed.ranges) {
      const Range range{begin, begin + words.size()};
      EXPECT_EQ(indexed.index.holds(range), words.size() > WordIndex::kShort);
      const auto word_of = [&](uint64_t at) { return words[at - range.begin]; };
      for (Word word = 0; indexed.index.holds(range) && word < vocabulary; word++) {
        const auto place = std::ranges::lower_bound(words, word);
        const bool there = place != words.end() && *place == word;
        ASSERT_EQ(indexed.index.find(range, word, [&](uint64_t at) { return word_of(at) == word; }),
                  there ? begin + (place - words.begin()) : range.end);
      }
      EXPECT_TRUE(!indexed.index.holds(range) || indexed.index.valid(range, word_of));
      begin = range.end;
    }
  }
}

TEST(WordIndex, KnowsWhatItDoesNotFit) {
  const Indexed indexed({30}, 100, 2);
  const Range range{0, 30};
  EXPECT_FALSE(indexed.index.valid(range, [&](uint64_t at) { return indexed.ranges[0][at] + (at == 7); }));
  const WordIndex empty(packed(std::vector<uint64_t>(45, 0)), indexed.place_bits);
  EXPECT_FALSE(empty.valid(range, [&](uint64_t at) { return indexed.ranges[0][at]; }));
}

}  // namespace
}  // namespace fastlm::ngram
