// Models that keep probabilities: pruned, mixed, quantised; as they are made, and as they come back from a file.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <numeric>

#include "core/ngram/merging.h"
#include "core/ngram/pruning.h"
#include "core/ngram/storage.h"
#include "core/ngram/stored_model.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

Model model_of(const std::string& text, int order, const std::string& smoothing, Layout layout = Layout::kFast) {
  Estimation estimation{smoothing};
  estimation.layout = layout;
  if (smoothing == "kneser-ney") estimation.choices = {{"discount", {0.5}}};  // which small texts do not give
  return make_model(table_of(text, {.order = order}), estimation);
}

std::vector<float> distribution(const Model& model, const std::vector<Word>& context) {
  std::vector<float> probabilities(model.vocabulary().size());
  model.distribution(model.state_after(context), probabilities);
  return probabilities;
}

// Contexts of no to two words, and <s>.
std::vector<std::vector<Word>> contexts(const Model& model) {
  std::vector<std::vector<Word>> contexts{{}, {kBegin}};
  for (Word a = 0; a < model.vocabulary().size(); a += 3) {
    contexts.push_back({a});
    if (a > kEnd) contexts.push_back({kBegin, a}), contexts.push_back({a, Word(model.vocabulary().size() - 1)});
  }
  return contexts;
}

void expect_sums_to_one(const Model& model) {
  EXPECT_EQ(model.fault(true), std::nullopt);
  for (const auto& context : contexts(model)) {
    const auto p = distribution(model, context);
    EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1, 1e-5);
  }
}

// Saved and loaded it gives the same answers.
void expect_survives(const Model& model) {
  const std::string path = std::filesystem::temp_directory_path() / ("fastlm-stored-" + std::to_string(::getpid()));
  save(model, path);
  for (const bool verify : {true, false}) {
    const Model loaded = std::get<Model>(load(path, verify));
    EXPECT_EQ(loaded.smoothing(), model.smoothing());
    EXPECT_EQ(loaded.parameters(), model.parameters());
    for (const auto& context : contexts(model)) EXPECT_EQ(distribution(loaded, context), distribution(model, context));
  }
  std::filesystem::remove(path);
}

uint64_t ngrams(const Model& model) {
  uint64_t sum = 0;
  for (int n = 1; n <= model.order(); n++) sum += model.table().distinct(n);
  return sum;
}

TEST(Pruning, TakesMoreWithAHigherThresholdAndLeavesADistribution) {
  for (const Layout layout : {Layout::kFast, Layout::kCompact}) {
    const Model model = model_of(random_text(150, 25, 3), 3, "witten-bell", layout);
    uint64_t before = ngrams(model) + 1;
    for (const double threshold : {0.0, 1e-5, 1e-3, 10.0}) {
      const Model pruned = prune(model, threshold, {.threads = 3});
      EXPECT_LT(ngrams(pruned), before + (threshold == 1e-5)) << threshold;
      before = ngrams(pruned);
      expect_sums_to_one(pruned);
      if (threshold == 1e-3) expect_survives(pruned);
    }
    EXPECT_EQ(prune(model, 10).table().distinct(2), 0u);
  }
  const Model model = model_of("a b\n", 2, "witten-bell");
  EXPECT_THROW(prune(model, -1), std::invalid_argument);
  EXPECT_THROW(prune(model_of("a b\n", 2, "stupid-backoff"), 0), std::invalid_argument);
}

TEST(Pruning, LeavesWhatStaysAsItWas) {
  const Model model = model_of(random_text(150, 25, 3), 3, "witten-bell");
  const Model pruned = prune(model, 1e-4);
  const Trie& trie = pruned.table().trie();
  std::vector<Word> rows(trie.size(3) * 3);
  trie.copy_words(3, 0, trie.size(3), rows.data());
  ASSERT_GT(rows.size(), 0u);
  ASSERT_LT(trie.size(3), model.table().trie().size(3));
  for (size_t i = 0; i < rows.size(); i += 3) {
    const std::vector<Word> context{rows[i], rows[i + 1]};
    State before = model.state_after(context), after = pruned.state_after(context);
    EXPECT_NEAR(pruned.score(after, rows[i + 2]).log10, model.score(before, rows[i + 2]).log10, 1e-5);
  }
}

TEST(Merging, MixesProbabilitiesOfWordsThatBothKnow) {
  const std::string text = random_text(40, 12, 5);
  const auto a = std::make_shared<const Model>(model_of(text, 3, "witten-bell")),
             b = std::make_shared<const Model>(model_of(text + text + random_text(40, 12, 6), 2, "kneser-ney"));
  const Model mixed = merge({a, b}, {0.25, 0.75}, {.threads = 3});
  expect_sums_to_one(mixed);
  expect_survives(mixed);
  for (Word word = kSpecial; word < mixed.vocabulary().size(); word++) {
    const auto in = [&](const Model& model) {
      State state = model.state_after(std::vector<Word>{kBegin});
      return std::pow(10.0, double(model.score(state, model.vocabulary().find(mixed.vocabulary().text(word))).log10));
    };
    const Word in_a = a->vocabulary().find(mixed.vocabulary().text(word));
    if (!a->table().trie().find(std::vector<Word>{kBegin, in_a})) continue;  // others are mixed only nearly
    EXPECT_NEAR(in(mixed), 0.25 * in(*a) + 0.75 * in(*b), 1e-6);
  }
  EXPECT_EQ(distribution(merge({a}, {1}), {}).size(), a->vocabulary().size());
}

TEST(Storing, QuantisedProbabilitiesAreNearAndSurvive) {
  const Model model = model_of(random_text(150, 25, 3), 3, "kneser-ney");
  for (const int bits : {4, 12, 24}) {
    const Model quantised = quantize(model, bits, {.threads = 3});
    EXPECT_EQ(quantised.fault(true), std::nullopt);
    expect_survives(quantised);
    if (bits == 4) continue;
    for (const auto& context : contexts(model)) {
      const auto want = distribution(model, context), found = distribution(quantised, context);
      for (size_t word = 0; word < want.size(); word++) EXPECT_NEAR(found[word], want[word], 2e-2 * want[word] + 1e-7);
    }
  }
  for (const int bits : {1, 25}) EXPECT_THROW(quantize(model, bits), std::invalid_argument);
}

TEST(Storing, BothLayoutsGiveTheSameAnswers) {
  const Model model = model_of(random_text(60, 10, 7), 3, "witten-bell");
  const auto levels = listed(model, {});
  for (const ListedLevel& level : levels) EXPECT_EQ(level.probabilities.size(), level.shorter.size());
  EXPECT_THROW(listed(model_of("a b\n", 2, "add-delta"), {}), std::invalid_argument);
  const Model pruned = prune(model, 1e-4),
              compact = prune(model_of(random_text(60, 10, 7), 3, "witten-bell", Layout::kCompact), 1e-4);
  for (const auto& context : contexts(pruned)) EXPECT_EQ(distribution(pruned, context), distribution(compact, context));
}

}  // namespace
}  // namespace fastlm::ngram
