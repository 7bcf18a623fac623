// Counting, at once and in batches, against maps of n-grams.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <tuple>

#include "core/ngram/count.h"
#include "core/ngram/ranges.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

using Ngram = std::vector<Word>;
using Nodes = std::vector<std::tuple<Ngram, uint64_t, uint64_t>>;  // n-gram, count, adjusted count

std::vector<Word> random_corpus(int sentences, Word vocabulary, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Word> corpus;
  for (int i = 0; i < sentences; i++) {
    corpus.push_back(kBegin);
    for (unsigned words = random() % 12; words > 0; words--) corpus.push_back(kSpecial + random() % vocabulary);
    corpus.push_back(kEnd);
  }
  return corpus;
}

Nodes nodes_by_map(const std::vector<Word>& corpus, int order) {
  std::map<Ngram, uint64_t> counts;
  std::map<Ngram, std::set<Word>> before;
  for (size_t i = 0; i < corpus.size(); i++) {
    Ngram ngram;
    for (size_t n = 0; n < size_t(order) && i + n < corpus.size(); n++) {
      ngram.push_back(corpus[i + n]);
      counts[ngram]++;
      if (corpus[i] != kBegin) before[ngram].insert(corpus[i - 1]);
      if (corpus[i + n] == kEnd) break;
    }
  }
  Nodes nodes;
  for (const auto& [ngram, count] : counts)
    nodes.emplace_back(ngram, count, int(ngram.size()) == order || ngram[0] == kBegin ? count : before[ngram].size());
  return nodes;
}

// In the order of a map, from the levels.
Nodes nodes_of(const NodeLevels& levels) {
  std::vector<std::vector<Node>> all;
  for (const NodeLevel& level : levels) {
    auto& nodes = all.emplace_back();
    const auto source = level.open();
    for (auto some = source->next(); !some.empty(); some = source->next())
      nodes.insert(nodes.end(), some.begin(), some.end());
    EXPECT_EQ(nodes.size(), level.size);
  }
  Nodes nodes;
  std::vector<size_t> next(all.size());
  const std::function<void(size_t, Ngram)> visit = [&](size_t n, Ngram ngram) {
    const Node& node = all[n][next[n]++];
    ngram.push_back(node.word);
    if (node.count > 0) nodes.emplace_back(ngram, node.count, node.adjusted);
    for (uint64_t c = 0; c < node.children; c++) visit(n + 1, ngram);
  };
  while (next[0] < all[0].size()) visit(0, {});
  return nodes;
}

Tokens tokens_of(const std::vector<Word>& corpus, bool on_disk) {
  Tokens tokens(on_disk ? 1 : 0, "");
  for (Word word : corpus) tokens.push_back(word);
  return tokens;
}

TEST(CountNgrams, EqualsAMap) {
  for (const Word vocabulary : {1, 3, 50})
    for (const int order : {1, 2, 3, 5, 15, 17})
      for (const int threads : {1, 3}) {
        const auto corpus = random_corpus(50, vocabulary, vocabulary + order);
        Tokens tokens = tokens_of(corpus, false);
        const auto levels = count_ngrams(tokens, {kSpecial + vocabulary, order, true}, {.threads = threads});
        EXPECT_EQ(nodes_of(levels), nodes_by_map(corpus, order)) << vocabulary << " words, order " << order;
      }
}

TEST(CountNgrams, EqualsAMapInBatches) {
  for (const Word vocabulary : {1, 3, 50})
    for (const int order : {1, 2, 3, 5, 17})
      for (const uint64_t most : {1, 7, 100}) {
        const auto corpus = random_corpus(50, vocabulary, vocabulary + order);
        Tokens tokens = tokens_of(corpus, false);
        CountJob job{kSpecial + vocabulary, order, true};
        job.most_places = most;
        const auto levels = count_ngrams(tokens, job, {.threads = 2});
        EXPECT_EQ(nodes_of(levels), nodes_by_map(corpus, order)) << vocabulary << " words, order " << order;
      }
}

TEST(CountNgrams, ReadsTokensFromAFile) {
  const auto corpus = random_corpus(60000, 200, 1);  // more than a block
  std::vector<Nodes> found;
  for (const bool on_disk : {false, true}) {
    Tokens tokens = tokens_of(corpus, on_disk);
    EXPECT_EQ(tokens.resident(), !on_disk);
    uint64_t disk = 0;
    const CountJob job{kSpecial + 200, 2, true, on_disk ? uint64_t(9) << 20 : 0, ""};
    found.push_back(nodes_of(count_ngrams(tokens, job, {}, &disk)));
    EXPECT_EQ(disk > corpus.size(), on_disk);
  }
  EXPECT_TRUE(found[0] == found[1]);
}

TEST(CountNgrams, RangesAscendAndHoldEveryPlaceOnce) {
  const auto corpus = random_corpus(100, 5, 3);
  const Tokens tokens = tokens_of(corpus, false);
  uint64_t places = 0;
  for (const NgramRange& range : divide(tokens, kSpecial + 5, 4, 20)) {
    EXPECT_TRUE(range.same || range.places <= 20);
    places += range.places;
  }
  EXPECT_EQ(places, corpus.size());
}

TEST(CountNgrams, SaysWhenThereIsTooLittleMemory) {
  Tokens tokens = tokens_of(random_corpus(10, 5, 1), false);
  EXPECT_THROW(count_ngrams(tokens, {kSpecial + 5, 3, true, 1000}, {}), std::invalid_argument);
}

}  // namespace
}  // namespace fastlm::ngram
