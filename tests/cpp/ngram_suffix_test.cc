// The suffix index against plain searches in its text: order, counts, next words, matches, files.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <numeric>
#include <random>

#include "core/ngram/errors.h"
#include "core/ngram/file.h"
#include "core/ngram/storage.h"
#include "core/ngram/suffix/indexer.h"
#include "core/ngram/suffix/matches.h"
#include "core/ngram/suffix/order.h"
#include "core/ngram/suffix/question.h"
#include "core/ngram/suffix/storage.h"
#include "ngram_sample.h"

namespace fastlm::ngram::suffix {
namespace {

namespace fs = std::filesystem;
using Corpus = std::vector<Word>;

// Documents of words 3, 4, ...; some are empty, some come again, as a whole or in part.
Corpus random_corpus(unsigned seed) {
  std::mt19937 random(seed);
  Corpus corpus;
  const unsigned words = 1 + random() % (seed % 3 ? 3 : 30), length = 1 + random() % (seed % 5 ? 40 : 400);
  for (unsigned documents = 1 + random() % 8; documents > 0; documents--) {
    if (!corpus.empty() && random() % 3 == 0) {
      const size_t from = random() % corpus.size();
      for (size_t i = from; i < corpus.size() && corpus[i] != kEnd; i++) corpus.push_back(Corpus(corpus)[i]);
    } else {
      for (unsigned n = random() % length; n > 0; n--) corpus.push_back(kSpecial + random() % words);
    }
    corpus.push_back(kEnd);
  }
  return corpus;
}

Word vocabulary_of(const Corpus& corpus) { return 1 + *std::max_element(corpus.begin(), corpus.end()); }

std::vector<uint64_t> plain_order(const Corpus& corpus) {
  std::vector<uint64_t> order(corpus.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](uint64_t a, uint64_t b) {
    for (uint64_t n = 0;; n++) {
      if (corpus[a + n] != corpus[b + n]) return corpus[a + n] < corpus[b + n];
      if (corpus[a + n] == kEnd) return a < b;
    }
  });
  return order;
}

std::vector<uint64_t> numbers_of(const Array& array) {
  std::vector<uint64_t> numbers(array.size());
  for (size_t i = 0; i < numbers.size(); i++) numbers[i] = array[i];
  return numbers;
}

std::string text_of(const Corpus& corpus) {
  std::string text;
  for (Word word : corpus) text += word == kEnd ? "\n" : "w" + std::to_string(word) + " ";
  return text;
}

Index index_of(std::string_view text, Documents documents = Documents::kLine) {
  Indexer indexer(documents, InvalidUtf8::kStrict, 1);
  indexer.begin("text");
  indexer.add(text);
  return indexer.finish();
}

// The corpus of an index as it has numbered the words.
Corpus corpus_of(const Index& index) {
  Corpus corpus;
  for (uint64_t i = 0; i < index.tokens(); i++) corpus.push_back(index.word(i));
  return corpus;
}

std::vector<uint64_t> plain_find(const Corpus& corpus, std::span<const Word> ngram) {
  std::vector<uint64_t> found;
  for (uint64_t i = 0; i + ngram.size() <= corpus.size(); i++) {
    size_t n = 0;
    while (n < ngram.size() && corpus[i + n] == ngram[n] && (n + 1 == ngram.size() || ngram[n] != kEnd)) n++;
    if (n == ngram.size()) found.push_back(i);
  }
  return found;
}

// A piece of the corpus, often with a word that is changed.
Corpus random_ngram(const Corpus& corpus, std::mt19937& random, size_t longest) {
  const size_t begin = random() % corpus.size();
  Corpus ngram(corpus.begin() + begin, corpus.begin() + std::min(corpus.size(), begin + 1 + random() % longest));
  if (random() % 2) ngram[random() % ngram.size()] = random() % 5 ? kSpecial + random() % 4 : kNoWord;
  return ngram;
}

TEST(SuffixOrder, IsThatOfAPlainSortForAnyNumberOfThreads) {
  for (unsigned seed = 0; seed < 150; seed++) {
    const Corpus corpus = random_corpus(seed);
    for (const int threads : {1, 2, 3}) {
      const Order order = sort_suffixes(corpus, vocabulary_of(corpus), {.threads = threads});
      ASSERT_EQ(numbers_of(order.positions), plain_order(corpus)) << "seed " << seed << ", threads " << threads;
    }
  }
}

TEST(SuffixOrder, TakesRepeatedText) {
  std::mt19937 random(3);
  Corpus one, periodic, many;
  for (int i = 0; i < 700; i++) one.push_back(kSpecial);
  one.push_back(kEnd);
  for (int i = 0; i < 900; i++) periodic.push_back(kSpecial + (i % 7) % 3);
  periodic.push_back(kEnd);
  Corpus document;
  for (int i = 0; i < 100; i++) document.push_back(kSpecial + random() % 50);
  document.push_back(kEnd);
  for (int i = 0; i < 20; i++) many.insert(many.end(), document.begin(), document.end());
  for (const Corpus& corpus : {one, periodic, many})
    for (const Word more : {0u, 1000u, 1u << 22}) {  // words in a key: many, some, two
      const Order order = sort_suffixes(corpus, vocabulary_of(corpus) + more, {.threads = 2});
      EXPECT_EQ(numbers_of(order.positions), plain_order(corpus));
    }
}

TEST(SuffixOrder, PassesOnWhatInterruptsIt) {
  struct Stop {};
  Corpus corpus;  // of the same document, so that there is something to sort by ranks
  for (int i = 0; i < 3000; i++) corpus.push_back(i % 100 == 99 ? kEnd : kSpecial + i % 100);
  for (int calls = 0;; calls++) {
    int left = calls;
    try {
      sort_suffixes(corpus, vocabulary_of(corpus), {1, [&] {
                                                      if (left-- == 0) throw Stop();
                                                    }});
    } catch (const Stop&) {
      continue;
    }
    EXPECT_GT(calls, 32);
    break;
  }
}

TEST(SuffixIndex, FindsWhatAPlainSearchFinds) {
  std::mt19937 random(1);
  for (unsigned seed = 0; seed < 80; seed++) {
    const Index index = index_of("w3 w4 w5 w6\n" + text_of(random_corpus(seed)));
    const Corpus corpus = corpus_of(index);
    ASSERT_EQ(index.fault(true), std::nullopt);
    std::vector<Corpus> ngrams;
    for (int i = 0; i < 60; i++) ngrams.push_back(random_ngram(corpus, random, i % 4 ? 6 : 200));
    ngrams.push_back({});
    const std::vector<Range> ranges = index.find_all(ngrams);
    for (size_t i = 0; i < ngrams.size(); i++) {
      const auto want = ngrams[i].empty() ? plain_order(corpus) : plain_find(corpus, ngrams[i]);
      ASSERT_EQ(ranges[i].size(), want.size()) << "seed " << seed << ", n-gram " << i;
      ASSERT_EQ(index.find(ngrams[i]).size(), want.size());
      if (ngrams[i].empty()) continue;
      ASSERT_EQ(index.occurrences(ranges[i], 0), want);
      const auto few = index.occurrences(ranges[i], 3);
      ASSERT_TRUE(std::equal(few.begin(), few.end(), want.begin()));
      uint64_t count = 0;
      for (const auto& found : index.found_documents(ranges[i])) count += found.count;
      ASSERT_EQ(count, want.size());
    }
  }
}

TEST(SuffixIndex, KnowsTheLongestMatchAndWhatComesNext) {
  std::mt19937 random(2);
  for (unsigned seed = 0; seed < 80; seed++) {
    const Index index = index_of("w3 w4 w5 w6\n" + text_of(random_corpus(seed)));
    const Corpus corpus = corpus_of(index);
    for (int i = 0; i < 30; i++) {
      const Corpus context = random_ngram(corpus, random, 40);
      size_t words = context.size();
      const auto last = [&] { return std::span(context).last(words); };
      const auto ended = [&] { return std::count(last().begin(), last().end(), kEnd) > 0; };
      while (words > 0 && (ended() || plain_find(corpus, last()).empty())) words--;
      const LongestMatch match = index.longest_match(context);
      ASSERT_EQ(match.words, words);
      std::map<Word, uint64_t> want;
      if (words == 0)
        for (Word word : corpus) want[word]++;
      else
        for (uint64_t position : plain_find(corpus, last())) want[corpus[position + words]]++;
      const Followers followers = index.followers(match.range, match.words);
      std::map<Word, uint64_t> got;
      for (size_t n = 0; n < followers.words.size(); n++) got[followers.words[n]] = followers.counts[n];
      ASSERT_EQ(got, want);
      ASSERT_EQ(got.size(), followers.words.size());
    }
  }
}

TEST(SuffixIndex, MatchesATextAtEachOfItsWords) {
  std::mt19937 random(4);
  for (unsigned seed = 0; seed < 80; seed++) {
    const Index index = index_of("w3 w4 w5 w6\n" + text_of(random_corpus(seed)));
    const Corpus corpus = corpus_of(index);
    Corpus text;
    for (int i = 0; i < int(seed % 9); i++) {
      const Corpus piece = random_ngram(corpus, random, 90);
      text.insert(text.end(), piece.begin(), piece.end());
    }
    std::vector<uint64_t> want(text.size());
    for (uint64_t i = 0; i < text.size(); i++) {
      uint64_t end = i;
      while (end < text.size() && text[end] != kEnd &&
             !plain_find(corpus, std::span(text).subspan(i, end + 1 - i)).empty())
        end++;
      want[i] = end;
    }
    ASSERT_EQ(match_ends(index, text, {.threads = 2}), want) << "seed " << seed;
    for (const uint64_t least : {1, 3, 8}) {
      std::vector<bool> covered(text.size());
      for (uint64_t i = 0; i < text.size(); i++)
        for (uint64_t j = i; want[i] - i >= least && j < want[i]; j++) covered[j] = true;
      const Contamination found = find_contamination(index, text, least, {.threads = 2});
      ASSERT_EQ(found.covered, std::count(covered.begin(), covered.end(), true));
      for (const Span& span : found.spans) {
        const auto places = plain_find(corpus, std::span(text).subspan(span.begin, span.end - span.begin));
        ASSERT_EQ(span.count, places.size());
        ASSERT_TRUE(std::count(places.begin(), places.end(), span.example));
        ASSERT_EQ(want[span.begin], span.end);
        ASSERT_TRUE(span.begin == 0 || want[span.begin - 1] < span.end);  // no longer one has it in it
      }
    }
  }
}

TEST(SuffixIndex, KnowsDocumentsSourcesAndLines) {
  const auto built = [](Documents documents) {
    Indexer indexer(documents, InvalidUtf8::kStrict, 1);
    indexer.begin("a");
    indexer.add("one two\nthree\n\n \nfour fi");
    indexer.add("ve");  // no line end
    indexer.begin("empty");
    indexer.begin("b");
    indexer.add("\n\nsix\n");
    return indexer.finish();
  };
  const Index files = built(Documents::kSource), lines = built(Documents::kLine), blocks = built(Documents::kParagraph);
  EXPECT_EQ(files.documents(), 3u);
  EXPECT_EQ(lines.documents(), 8u);
  EXPECT_EQ(blocks.documents(), 3u);
  for (const Index* index : {&files, &lines, &blocks}) {
    EXPECT_EQ(index->fault(true), std::nullopt);
    const auto place = [&](const char* word) {
      const Word id = index->id(word);
      const Place place = index->lines().place_of(index->occurrences(index->find(std::span(&id, 1)), 1).at(0));
      return std::string(place.source) + ":" + std::to_string(place.line);
    };
    EXPECT_EQ(place("two"), "a:1");
    EXPECT_EQ(place("three"), "a:2");
    EXPECT_EQ(place("five"), "a:5");
    EXPECT_EQ(place("six"), "b:3");
    EXPECT_EQ(index->id("seven"), kNoWord);
  }
  EXPECT_THROW(index_of("\n\n"), std::invalid_argument);
  EXPECT_THROW(documents_of("page"), std::invalid_argument);
}

class SuffixFiles : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("fastlm-suffix-" + std::to_string(::getpid()));
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ / name; }

  fs::path folder_;
};

TEST_F(SuffixFiles, LoadWhatWasSaved) {
  const Index index = index_of(random_text(60, 9, 1));
  save(index, path("index"));
  EXPECT_TRUE(is_index(path("index")));
  for (const bool verify : {true, false}) {
    const Index loaded = load(path("index"), verify);
    EXPECT_EQ(numbers_of(loaded.arrays().positions), numbers_of(index.arrays().positions));
    EXPECT_EQ(corpus_of(loaded), corpus_of(index));
    EXPECT_EQ(loaded.vocabulary().text(3), index.vocabulary().text(3));
    EXPECT_EQ(loaded.lines().place_of(100).line, index.lines().place_of(100).line);
  }
}

TEST_F(SuffixFiles, AreRefusedWhenTheyWereAltered) {
  const Index index = index_of(random_text(40, 9, 1));
  save(index, path("index"));
  std::ifstream stream(path("index"), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(stream), {}};
  std::mt19937 random(1);
  int refused = 0;
  for (int trial = 0; trial < 400; trial++) {
    std::string altered = whole;
    altered[random() % whole.size()] ^= char(1 << random() % 8);
    std::ofstream(path("altered"), std::ios::binary) << altered;
    try {
      EXPECT_EQ(corpus_of(load(path("altered"), true)), corpus_of(index));
    } catch (const FormatError&) {
      refused++;
    }
  }
  EXPECT_GT(refused, 200);
}

// Checksums are no help against who writes them anew: whatever is taken can be asked anything.
TEST_F(SuffixFiles, WithWrongArraysUnderRightChecksumsNeverCrash) {
  const Index index = index_of(random_text(40, 9, 1) + random_text(40, 9, 1));
  save(index, path("index"));
  const Sections good = map_file(path("index"), true);
  std::mt19937 random(1);
  int refused = 0, trials = 0;
  for (const auto& [name, array] : good) {
    if (name.starts_with("vocabulary") || name == "sources.names" || name == "tokenization") continue;
    for (int trial = 0; trial < 60; trial++, trials++) {
      std::vector<uint64_t> numbers = numbers_of(array);
      uint64_t& number = numbers[random() % numbers.size()];
      if (trial % 6 == 0)
        numbers.resize(random() % (2 * numbers.size()));
      else
        number = trial % 3 ? number + random() % 7 - 3 : uint64_t(random()) << random() % 32;
      Sections bad = good;
      bad[name] = packed(numbers);
      write_file(path("bad"), bad);
      try {
        const Index loaded = load(path("bad"), true);
        const Corpus corpus = corpus_of(loaded);
        for (int i = 0; i < 20; i++) {
          const LongestMatch match = loaded.longest_match(random_ngram(corpus, random, 9));
          loaded.followers(match.range, match.words);
          for (const auto& found : loaded.found_documents(match.range)) loaded.lines().place_of(found.first);
        }
      } catch (const FormatError&) {
        refused++;
      }
    }
  }
  EXPECT_GT(refused, trials / 2);
}

TEST_F(SuffixFiles, OfAnotherKindAreToldApart) {
  save(table_of("a b\n", {.order = 2}), path("table"));
  EXPECT_FALSE(is_index(path("table")));
  EXPECT_THROW(load(path("table"), true), FormatError);
  save(index_of("a b\n"), path("index"));
  EXPECT_THROW(ngram::load(path("index"), true), FormatError);
}

}  // namespace
}  // namespace fastlm::ngram::suffix
