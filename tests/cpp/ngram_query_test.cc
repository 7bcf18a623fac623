// Many words at once against one at a time, states, logarithms, the most probable words.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "core/ngram/batch.h"
#include "core/ngram/candidates.h"
#include "core/ngram/log10.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

// What a smoothing needs to be set for a small text.
Choices fallback(const SmoothingKind& kind) {
  const auto found = kind.parameters.find("discount_fallback");
  if (found == kind.parameters.end()) return {};
  return {{"discount_fallback", found->second.numbers == 1 ? Numbers{0.5} : Numbers{0.5, 1, 1.5}}};
}

// Of each smoothing, in each layout.
std::vector<Model> models(const Table& table) {
  std::vector<Model> models;
  for (const auto& kind : smoothings())
    for (const Layout layout : {Layout::kFast, Layout::kCompact}) {
      Estimation estimation{kind.name, fallback(kind)};
      estimation.layout = layout;
      models.push_back(make_model(table, estimation));
    }
  return models;
}

// Sentences of random words, and what each word is worth by itself.
struct Asked {
  ScoredTokens tokens;
  std::vector<float> log10;
  std::vector<uint8_t> order;
};

Asked ask(const Model& model, int words, unsigned seed) {
  std::mt19937 random(seed);
  Asked asked;
  State state;
  for (int i = 0; i < words; i++) {
    if (i == 0 || random() % 9 == 0) asked.tokens.begin(false), state = State();
    const Word word = random() % 7 == 0 ? kBegin : Word(random() % model.vocabulary().size());
    const Score score = model.score(state, word);
    asked.tokens.add(word);
    asked.log10.push_back(score.log10), asked.order.push_back(uint8_t(score.order));
  }
  return asked;
}

TEST(Batch, EqualsOneWordAtATime) {
  for (const int order : {1, 2, 4, 7})
    for (const int vocabulary : {1, 4, 200})
      for (const Model& model : models(table_of(random_text(400, vocabulary, 3), {.order = order}))) {
        const Asked asked = ask(model, 1000, 5);
        std::vector<float> log10(asked.log10.size());
        std::vector<uint8_t> found(asked.order.size());
        BatchScorer scorer;
        for (int repeat = 0; repeat < 2; repeat++) {  // nothing stays from the call before
          scorer.score(model, asked.tokens.words, asked.tokens.before, log10.data(), found.data());
          EXPECT_EQ(log10, asked.log10) << model.smoothing() << order;
          EXPECT_EQ(found, asked.order) << model.smoothing() << order;
        }
      }
}

TEST(Batch, ThreadsAndPiecesChangeNothing) {
  const Model model = make_model(table_of(random_text(2000, 60, 3), {.order = 4}), {"witten-bell"});
  const Asked asked = ask(model, 70'000, 5);
  for (const int threads : {1, 2, 4}) {
    std::vector<float> log10(asked.log10.size());
    std::vector<uint8_t> found(asked.order.size());
    score_all(model, asked.tokens.words, asked.tokens.before, log10.data(), found.data(), {.threads = threads});
    EXPECT_EQ(log10, asked.log10);
    EXPECT_EQ(found, asked.order);
  }
}

TEST(Logarithm, IsThatOfAFloat) {
  std::mt19937 random(1);
  EXPECT_EQ(fast_log10(1), 0);
  EXPECT_EQ(fast_log10(0), -std::numeric_limits<float>::infinity());
  for (int i = 0; i < 1'000'000; i++) {
    const float p = std::bit_cast<float>(uint32_t(random() % 0x3F800010));  // 0 to a little above 1
    const double want = std::log10(double(p));
    if (p == 0) continue;
    ASSERT_NEAR(fast_log10(p), want, 2e-7 + std::abs(want) * 0x1p-24) << p;
  }
}

TEST(Candidates, AreTheHeadOfTheDistribution) {
  for (const Model& model : models(table_of(random_text(60, 30, 3), {.order = 3}))) {
    std::mt19937 random(2);
    for (int trial = 0; trial < 60; trial++) {
      std::vector<Word> context(random() % 4);
      for (Word& word : context) word = random() % model.vocabulary().size();
      const State state = model.state_after(context);
      std::vector<float> p(model.vocabulary().size());
      model.distribution(state, p);
      std::vector<Word> sorted(p.size());
      std::iota(sorted.begin(), sorted.end(), Word(0));
      std::ranges::stable_sort(sorted, std::greater(), [&](Word word) { return p[word]; });
      std::erase_if(sorted, [&](Word word) { return p[word] <= 0; });
      const size_t k = 1 + random() % 40;
      const auto best = most_probable(model, state, k);
      ASSERT_EQ(best.size(), std::min(k, sorted.size())) << model.smoothing();
      for (size_t i = 0; i < best.size(); i++) {
        EXPECT_EQ(best[i].word, sorted[i]) << model.smoothing();
        EXPECT_EQ(best[i].probability, p[sorted[i]]) << model.smoothing();
      }
    }
  }
}

}  // namespace
}  // namespace fastlm::ngram
