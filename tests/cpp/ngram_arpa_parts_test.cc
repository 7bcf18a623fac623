// The parts of reading and writing ARPA files: numbers, records and their order, finding words, the writer.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "core/ngram/arpa/flag_sort.h"
#include "core/ngram/arpa/numbers.h"
#include "core/ngram/arpa/word_table.h"
#include "core/ngram/arpa/writer.h"

namespace fastlm::ngram::arpa {
namespace {

TEST(ArpaNumbers, AreLaidOutAsLmplzDoes) {
  const auto text = [](float value) {
    std::string text;
    append_float(text, value);
    return text;
  };
  const std::pair<float, const char*> known[] = {{0, "0"},
                                                 {-0.0f, "0"},
                                                 {-1, "-1"},
                                                 {-100, "-100"},
                                                 {-4.9317417f, "-4.9317417"},
                                                 {1.5e-6f, "0.0000015"},
                                                 {-0.017558422f, "-0.017558422"},
                                                 {1e-7f, "1e-7"},
                                                 {-2.5e-8f, "-2.5e-8"},
                                                 {123456.7f, "123456.7"},
                                                 {1e20f, "100000000000000000000"},
                                                 {1.5e21f, "1.5e21"},
                                                 {-INFINITY, "-inf"}};
  for (const auto& [value, want] : known) EXPECT_EQ(text(value), want);
  std::mt19937 random(1);
  for (int trial = 0; trial < 100000; trial++) {
    const float value = std::bit_cast<float>(uint32_t(random()));
    if (std::isnan(value)) continue;
    EXPECT_EQ(parse_float(text(value)), value);
  }
}

TEST(ArpaNumbers, WhatIsANumber) {
  EXPECT_EQ(parse_float("+1.5"), 1.5f);
  EXPECT_EQ(parse_float("-1E-2"), -0.01f);
  EXPECT_EQ(parse_float("-inf"), -INFINITY);
  EXPECT_EQ(parse_float("-1e-60"), 0.0f);
  EXPECT_EQ(parse_float("-1e60"), -INFINITY);
  EXPECT_EQ(parse_float("5e-324"), 0.0f);
  for (const char* bad : {"", "+", "-", "nan", "-nan", "1,5", "0x1", "1e", "+-1", "1.5a", "1e999", "1e-999", "--1"})
    EXPECT_EQ(parse_float(bad), std::nullopt) << bad;
}

TEST(ArpaRecords, KeepTheOrderOfWords) {
  std::mt19937 random(1);
  for (int order = 1; order <= kMaxOrder; order++)
    for (const uint64_t vocabulary : {uint64_t(3), uint64_t(1000), uint64_t(1) << 20, uint64_t(kMaxWord) + 1}) {
      const Packing packing(order, vocabulary);
      ASSERT_LE(packing.keys(), kMaxOrder);
      std::vector<Word> a(order), b(order), back(order);
      for (int trial = 0; trial < 20; trial++) {
        for (Word& word : a) word = Word(random() % vocabulary);
        b = a, b[random() % order] = Word(random() % vocabulary);
        std::vector<uint32_t> key_a(packing.keys()), key_b(packing.keys());
        packing.pack(a.data(), key_a.data()), packing.pack(b.data(), key_b.data());
        packing.unpack(key_a.data(), back.data());
        EXPECT_EQ(back, a);
        EXPECT_EQ(key_a < key_b, a < b);
      }
    }
}

TEST(ArpaRecords, AreSortedByWordsThenByLine) {
  std::mt19937 random(1);
  for (const unsigned different : {1u, 2u, 300u, ~0u}) {
    std::vector<Record<2>> records(5000);
    for (uint32_t i = 0; i < records.size(); i++)
      records[i] = {{uint32_t(random() % different), uint32_t(random() % different)}, 0, 0, i};
    std::vector<Record<2>> want = records;
    std::shuffle(records.begin(), records.end(), random);
    flag_sort(records.data(), records.data() + records.size());
    std::stable_sort(want.begin(), want.end());
    for (size_t i = 0; i < records.size(); i++) ASSERT_EQ(records[i].line, want[i].line);
  }
}

TEST(ArpaWords, AreFoundByTheirWholeText) {
  GrowingVocabulary vocabulary;
  std::vector<std::string> texts;
  for (const size_t length : {1, 9, 10, 11, 30, 255, 256, 300})
    for (const char last : {'a', 'b'}) texts.push_back(std::string(length - 1, 'w') + last);
  for (const auto& text : texts) vocabulary.add(text);
  const WordTable table(vocabulary);
  for (size_t i = 0; i < texts.size(); i++) {
    EXPECT_EQ(table.find(texts[i]), kSpecial + i);
    EXPECT_EQ(table.find(texts[i] + "c"), std::nullopt);
    EXPECT_EQ(table.find("x" + texts[i].substr(1) + "x"), std::nullopt);
  }
  EXPECT_EQ(table.find("<unk>"), kUnknown);
}

TEST(ArpaWriter, RefusesWhatIsNoModel) {
  std::string text;
  const auto writer = [&](std::vector<uint64_t> counts) {
    return Writer([](Word) { return "w"; }, 4, std::move(counts), [&](std::string_view block) { text += block; });
  };
  const std::vector<Word> words{0, 3}, strange{0, 4};
  const std::vector<float> good{-1, -2}, nan{-1, NAN}, positive{-1, 1}, infinite{-INFINITY, INFINITY};
  EXPECT_THROW(writer({}), std::invalid_argument);
  EXPECT_THROW(writer(std::vector<uint64_t>(kMaxOrder + 1)), std::invalid_argument);
  EXPECT_THROW(writer({1, 1}).add({words, good, good}), std::invalid_argument);
  EXPECT_THROW(writer({2}).add({words, nan, good}), std::invalid_argument);
  EXPECT_THROW(writer({2}).add({words, positive, good}), std::invalid_argument);
  EXPECT_THROW(writer({2}).add({words, good, nan}), std::invalid_argument);
  EXPECT_THROW(writer({2, 0}).add({words, good, infinite}), std::invalid_argument);
  EXPECT_THROW(writer({2}).add({strange, good, good}), std::invalid_argument);
  EXPECT_THROW(writer({2}).add({words, good, {}}), std::invalid_argument);
  EXPECT_THROW(writer({2}).finish(), std::invalid_argument);
  Writer broken = writer({2});
  EXPECT_THROW(broken.add({words, nan, good}), std::invalid_argument);
  EXPECT_THROW(broken.add({words, good, good}), std::invalid_argument);
  EXPECT_THROW(broken.finish(), std::invalid_argument);
  Writer whole = writer({2, 0});
  whole.add({words, good, good});
  whole.add({});
  whole.finish();
  EXPECT_THROW(whole.add({words, good, good}), std::invalid_argument);
  EXPECT_EQ(text, "\\data\\\nngram 1=2\nngram 2=0\n\n\\1-grams:\n-1\tw\t-1\n-2\tw\t-2\n\n\\2-grams:\n\n\\end\\\n");
}

}  // namespace
}  // namespace fastlm::ngram::arpa
