// Counts against a map, probabilities against their definition.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <sstream>

#include "core/ngram/generate.h"
#include "core/ngram/model.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

std::map<Ngram, uint64_t> counts_by_map(const std::string& text, int order) {
  std::map<Ngram, uint64_t> counts;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    Ngram words = {"<s>"};
    std::istringstream stream(line);
    for (std::string word; stream >> word;) words.push_back(word);
    words.push_back("</s>");
    for (size_t i = 0; i < words.size(); i++)
      for (int n = 1; n <= order && i + n <= words.size(); n++)
        counts[Ngram(words.begin() + i, words.begin() + i + n)]++;
  }
  return counts;
}

TEST(Count, EqualsAMap) {
  for (const int vocabulary : {1, 2, 5, 300})
    for (const int order : {1, 2, 3, 5, 9, 32})
      for (const int threads : {1, 3}) {
        const std::string text = random_text(60, vocabulary, 7 * vocabulary + order);
        const Table table = table_of(text, {.order = order, .threads = threads});
        EXPECT_EQ(table.trie().fault(true), std::nullopt);
        EXPECT_EQ(counts_in(table), counts_by_map(text, order)) << vocabulary << " words, order " << order;
      }
}

TEST(Count, RareWordsAreUnknown) {
  const Table table = table_of("a a a b b c\na b d\n", {.order = 1, .min_count = 2});
  EXPECT_EQ(counts_in(table),
            (std::map<Ngram, uint64_t>{{{"<unk>"}, 2}, {{"<s>"}, 2}, {{"</s>"}, 2}, {{"a"}, 4}, {{"b"}, 3}}));
  EXPECT_EQ(table_of("a a a b b c\n", {.max_vocabulary = 1}).vocabulary().size(), kSpecial + 1);
  EXPECT_EQ(table_of("a b\n", {.vocabulary = {{"b", "z"}}}).vocabulary().find("a"), kUnknown);
}

TEST(Count, RefusesWhatCannotBe) {
  EXPECT_THROW(Counter({.order = 0}), std::invalid_argument);
  EXPECT_THROW(Counter({.order = kMaxOrder + 1}), std::invalid_argument);
  EXPECT_THROW(Counter({.vocabulary = {{"a b"}}}), std::invalid_argument);
  EXPECT_THROW(Counter({.vocabulary = {{"a"}}, .min_count = 2}), std::invalid_argument);
  EXPECT_THROW(table_of("", {}), std::invalid_argument);
  EXPECT_THROW(table_of("\n \n", {}), std::invalid_argument);
}

TEST(Count, APollThatThrowsEndsTheWork) {
  Counter counter({.order = 3, .threads = 1});
  counter.add(random_text(60, 40, 1));
  int polls = 0;
  const auto poll = [&] {
    if (++polls == 3) throw std::runtime_error("enough");
  };
  EXPECT_THROW(counter.finish(poll), std::runtime_error);
  EXPECT_EQ(polls, 3);
}

// The lecture's example: of 1000 times that "students opened their" occurs, "books" follows 400 and "exams" 100 times.
TEST(Model, StudentsOpenedTheir) {
  std::string text;
  for (int i = 0; i < 1000; i++)
    text += std::string("students opened their ") + (i < 400 ? "books" : i < 500 ? "exams" : "minds") + "\n";
  const Model model = make_model(table_of(text, {.order = 4}), {"maximum-likelihood"});
  const auto probability = [&](const char* word) {
    const Vocabulary& v = model.vocabulary();
    const Word context[] = {v.find("students"), v.find("opened"), v.find("their")};
    State state = model.state_after(context);
    return std::pow(10.0, model.score(state, v.find(word)).log10);
  };
  EXPECT_NEAR(probability("books"), 0.4, 1e-7);
  EXPECT_NEAR(probability("exams"), 0.1, 1e-7);
  EXPECT_EQ(probability("students"), 0);
}

// What a smoothing needs to be set for a small text.
Choices fallback(const std::string& smoothing) {
  const bool has = smoothing_kind(smoothing).parameters.contains("discount_fallback");
  return has ? Choices{{"discount_fallback", {0.5}}} : Choices{};
}

TEST(Model, EveryDistributionSumsToOneAndHoldsTheScores) {
  for (const int vocabulary : {1, 3, 40})
    for (const auto& kind : smoothings()) {
      const Table table = table_of(random_text(50, vocabulary, vocabulary), {.order = 4});
      const Model model = make_model(table, {kind.name, fallback(kind.name)});
      std::mt19937 random(1);
      for (int trial = 0; trial < 100; trial++) {
        std::vector<Word> context(random() % 6);
        for (Word& word : context) word = random() % table.vocabulary().size();
        const State state = model.state_after(context);
        std::vector<float> probabilities(table.vocabulary().size());
        model.distribution(state, probabilities);
        const double sum = std::accumulate(probabilities.begin(), probabilities.end(), 0.0);
        const bool sums_to_one = std::abs(sum - 1) < 1e-5 || (sum == 0 && model.unseen() == Unseen::kNothing);
        EXPECT_TRUE(sums_to_one || kind.name == "stupid-backoff") << kind.name << sum;
        for (Word word = 0; word < probabilities.size(); word++) {
          State after = state;
          const float score = model.score(after, word).log10;
          if (word == kBegin) continue;
          EXPECT_NEAR(std::pow(10.0, score), probabilities[word], 1e-6) << kind.name;
        }
      }
    }
}

TEST(Model, ACompactOneGivesTheSameScores) {
  for (const auto& kind : smoothings())
    for (const uint64_t least : {0, 1}) {
      const Table table = table_of(random_text(300, 40, 3), {.order = 4});
      if (least > 0 && kind.name.find("kneser") == std::string::npos) continue;
      Estimation estimation{kind.name, fallback(kind.name), {0, 0, least}};
      const Model fast = make_model(table, estimation);
      estimation.layout = Layout::kCompact;
      const Model compact = make_model(table, estimation);
      EXPECT_EQ(compact.fault(true), std::nullopt) << kind.name;
      State a, b;
      std::mt19937 random(1);
      for (int i = 0; i < 2000; i++) {
        const Word word = random() % table.vocabulary().size();
        const Score score = fast.score(a, word), same = compact.score(b, word);
        EXPECT_TRUE(score.log10 == same.log10 && score.order == same.order) << kind.name;
      }
    }
}

TEST(Model, RefusesUnknownSmoothings) {
  const Table table = table_of("a b\n", {.order = 2});
  EXPECT_THROW(make_model(table, {"none"}), std::invalid_argument);
  EXPECT_THROW(make_model(table, {"backoff", {{"delta", {1}}}}), std::invalid_argument);
  EXPECT_THROW(make_model(table, {"add-delta", {{"delta", {0}}}}), std::invalid_argument);
  EXPECT_THROW(make_model(table, {"backoff", {{"discount", {NAN}}}}), std::invalid_argument);
}

TEST(Generate, DrawsByTheDistributionAndTheSeed) {
  const Model model = make_model(table_of("a\na\na\nb\n", {.order = 2}), {"maximum-likelihood"});
  const Word start[] = {kBegin}, a = model.table().vocabulary().find("a");
  int drawn = 0;
  for (uint64_t seed = 0; seed < 4000; seed++) {
    const auto words = generate(model, start, {.max_words = 5, .seed = seed});
    ASSERT_EQ(words.size(), 2u);
    EXPECT_EQ(words[1], kEnd);
    EXPECT_EQ(words, generate(model, start, {.max_words = 5, .seed = seed}));
    drawn += words[0] == a;
  }
  EXPECT_NEAR(drawn / 4000.0, 0.75, 0.03);
  EXPECT_EQ(generate(model, start, {.max_words = 1, .temperature = 0})[0], a);
  EXPECT_EQ(generate(model, start, {.max_words = 1, .top_k = 1, .seed = 3})[0], a);
  const Word unseen[] = {kUnknown};
  EXPECT_THROW(generate(model, unseen, {}), std::invalid_argument);
}

}  // namespace
}  // namespace fastlm::ngram
