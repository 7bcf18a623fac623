// Tables made of tables, and of lines of text: against the counts of the texts themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "core/ngram/combine.h"
#include "core/ngram/counts_text.h"
#include "core/ngram/errors.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

using Shared = std::shared_ptr<const Table>;

Shared shared_table(const std::string& text, int order) {
  return std::make_shared<const Table>(table_of(text, {.order = order}));
}

std::string lines_of(const Table& table) {
  std::string lines;
  for (int n = 1; n <= table.order(); n++) write_counts(table, n, 1, [&](std::string_view some) { lines += some; });
  return lines;
}

// In blocks of so many bytes.
Table read(std::string_view lines, size_t block = 1 << 20, int threads = 1) {
  CountsReader reader;
  reader.begin("lines");
  for (size_t at = 0; at < lines.size(); at += block) reader.add(lines.substr(at, block));
  return reader.finish({.threads = threads});
}

std::string refusal(std::string_view lines) {
  try {
    read(lines, 3);
  } catch (const TextError& error) {
    return error.what();
  }
  return "";
}

// Two texts whose vocabularies differ.
struct Two {
  std::string a = random_text(80, 30, 1), b = random_text(60, 50, 2);
};

TEST(Combine, MergedTablesAreThatOfBothTexts) {
  for (const int order : {1, 2, 4})
    for (const int threads : {1, 3}) {
      const Two text;
      const Table merged = merge({shared_table(text.a, order), shared_table(text.b, order)}, {.threads = threads});
      EXPECT_EQ(merged.fault(true), std::nullopt);
      EXPECT_EQ(counts_in(merged), counts_in(table_of(text.a + text.b, {.order = order})));
      const Table twice = merge({shared_table(text.a, order), shared_table(text.a, order + 1)});  // the same words
      EXPECT_EQ(counts_in(twice), counts_in(table_of(text.a + text.a, {.order = order})));
    }
  EXPECT_THROW(merge({}), std::invalid_argument);
}

TEST(Combine, SubtractingUndoesMerging) {
  const Two text;
  const Table a = table_of(text.a, {.order = 3}), b = table_of(text.b, {.order = 3}),
              both = table_of(text.a + text.b, {.order = 3});
  const Table left = subtract(both, b, {.threads = 3});
  EXPECT_EQ(left.fault(true), std::nullopt);
  EXPECT_EQ(counts_in(left), counts_in(a));
  EXPECT_EQ(left.corpus().tokens, a.corpus().tokens);
  EXPECT_THROW(subtract(a, both), std::invalid_argument);
  EXPECT_THROW(subtract(a, a), std::invalid_argument);
  EXPECT_THROW(subtract(both, table_of(text.b, {.order = 2})), std::invalid_argument);
}

TEST(Combine, PruningIsAFilter) {
  const Table table = table_of(random_text(300, 20, 4), {.order = 3});
  const Table pruned = prune(table, {0, 1, 2}, {.threads = 3});
  auto want = counts_in(table);
  std::erase_if(want, [](const auto& item) { return item.second <= item.first.size() - 1; });
  EXPECT_EQ(pruned.fault(true), std::nullopt);
  EXPECT_EQ(counts_in(pruned), want);
  for (const std::vector<uint64_t>& wrong : {std::vector<uint64_t>{}, {1}, {0, 2, 1}, {0, 0, 0, 0}})
    EXPECT_THROW(prune(table, wrong), std::invalid_argument);
}

TEST(CountsText, ReadsWhatItWrites) {
  for (const int order : {1, 3})
    for (const size_t block : {1, 7, 1 << 20}) {
      const Table table = table_of(random_text(60, 40, order), {.order = order});
      const Table again = read(lines_of(table), block, 3);
      EXPECT_EQ(again.fault(true), std::nullopt);
      EXPECT_EQ(counts_in(again), counts_in(table));
      EXPECT_EQ(again.corpus().tokens, table.corpus().tokens);
      EXPECT_EQ(again.corpus().sentences, table.corpus().sentences);
    }
}

TEST(CountsText, SumsShorterNgramsAndNumbersWordsByFrequency) {
  std::string text;
  for (const int i : {0, 7, 3, 3, 7, 3}) text += "w" + std::to_string(i) + " x y\n";
  const Table table = table_of(text, {.order = 4});
  std::string longest;
  write_counts(table, 4, 1, [&](std::string_view some) { longest += some; });
  const Table again = read(longest);
  EXPECT_EQ(counts_in(again), counts_in(table));
  std::vector<uint64_t> counts;
  for (Word word = kSpecial; word < again.vocabulary().size(); word++) counts.push_back(again.trie().count(1, word));
  EXPECT_TRUE(std::ranges::is_sorted(counts, std::greater()));
  EXPECT_EQ(again.vocabulary().text(kSpecial + 2), "w3");
}

TEST(CountsText, SaysWhereLinesAreNoCounts) {
  EXPECT_EQ(refusal("a\t1\nb\n"), "lines:2: expected words, a tab and their count, got 'b'");
  EXPECT_EQ(refusal("a\t1\nb\tc\n"), "lines:2: expected a whole number as the count, got 'c'");
  EXPECT_EQ(refusal("a\t1\nb\t-1\n"), "lines:2: expected a count of 0 or more, got '-1'");
  EXPECT_EQ(refusal("a\t2\na b\t1\n\na b\t1"), "lines:4: duplicate n-gram 'a b': it is in line 2 already");
  EXPECT_EQ(refusal("a b\t2\nb\t1"),
            "lines:2: 'b' occurs 1 times, but n-grams of one word more that end with it occur 2 times");
  EXPECT_EQ(refusal("\n"), "lines: expected at least one n-gram with its count, got none");
}

}  // namespace
}  // namespace fastlm::ngram
