// The parts of the n-gram engine one by one, without Python: sorting, counting, estimating, loading, questions.
//
//   cmake -S . -B build/bench -G Ninja -DCMAKE_BUILD_TYPE=Release && cmake --build build/bench --target ngram_micro
//   build/bench/ngram_micro TEXT [ORDER] [HELD-OUT TEXT]
//
// One thread, CPU seconds, the median of five rounds. Questions are the words of the held-out text, or of the end of
// the text itself, whose n-grams are all known.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <numeric>

#include "core/ngram/batch.h"
#include "core/ngram/count.h"
#include "core/ngram/counter.h"
#include "core/ngram/positions.h"
#include "core/ngram/random_loads.h"
#include "core/ngram/sentences.h"
#include "core/ngram/storage.h"

namespace fastlm::ngram {
namespace {

constexpr int kRounds = 5;
constexpr size_t kQuestions = 400'000;  // words at most

double now(clockid_t clock) {
  timespec time;
  clock_gettime(clock, &time);
  return double(time.tv_sec) + 1e-9 * double(time.tv_nsec);
}

// work() is measured, after prepare(), which is not.
template <class Prepare, class Work>
double median_seconds(Prepare&& prepare, Work&& work, clockid_t clock = CLOCK_PROCESS_CPUTIME_ID) {
  double seconds[kRounds];
  for (double& round : seconds) {
    prepare();
    const double begin = now(clock);
    work();
    round = now(clock) - begin;
  }
  std::sort(seconds, seconds + kRounds);
  return seconds[kRounds / 2];
}

template <class Work>
double median_seconds(Work&& work) {
  return median_seconds([] {}, work);
}

void print(const char* what, double seconds, double amount, const char* unit) {
  std::printf("%-44s %10.2f ms %10.2f M %s/s\n", what, 1e3 * seconds, amount / seconds / 1e6, unit);
}

std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) std::perror(path.c_str()), std::exit(1);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The words of a text as numbers, with the bounds of sentences.
struct Text {
  GrowingVocabulary vocabulary;
  std::vector<Word> words;

  explicit Text(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size() - 1);
      words.push_back(kBegin);
      split(text.substr(0, end + 1), [&](std::string_view word) { words.push_back(vocabulary.add(word)); });
      words.push_back(kEnd);
      text.remove_prefix(end + 1);
    }
  }
};

void sorting_and_counting(const Text& text, int order) {
  const Word vocabulary = Word(text.vocabulary.size());
  const Ngrams ngrams(text.words.data(), vocabulary, order);
  std::vector<uint32_t> places(text.words.size());
  const auto deal = [&] { std::iota(places.begin(), places.end(), 0); };
  print("sort the positions", median_seconds(deal, [&] { PlaceSorter<uint32_t>(ngrams).sort(places, 0); }),
        double(places.size()), "positions");
  for (const bool adjusted : {false, true}) {
    std::unique_ptr<Tokens> tokens;
    const auto fill = [&] {
      tokens = std::make_unique<Tokens>(0, "");
      for (const Word word : text.words) tokens->push_back(word);
    };
    const auto count = [&] { count_ngrams(*tokens, {vocabulary, order, adjusted}, {.threads = 1}); };
    print(adjusted ? "count, with Kneser and Ney's counts" : "count", median_seconds(fill, count),
          double(text.words.size()), "tokens");
  }
}

Model estimating(std::string_view text, int order) {
  Counter counter({.order = order, .threads = 1});
  counter.add(text);
  const Table table = counter.finish();
  uint64_t ngrams = 0;
  for (int n = 1; n <= order; n++) ngrams += table.distinct(n);
  Estimation estimation{.choices = {{"discount_fallback", {0.5, 1, 1.5}}}};
  std::optional<Model> model;
  for (const Layout layout : {Layout::kCompact, Layout::kFast}) {
    estimation.layout = layout;
    print(layout == Layout::kFast ? "estimate" : "estimate, compact",
          median_seconds([&] { model.emplace(make_model(table, estimation, {.threads = 1})); }), double(ngrams),
          "n-grams");
  }
  return std::move(*model);
}

// Cold: the file is not in the system's cache, as far as the system heeds that; timed by the clock on the wall.
void loading(const Model& model) {
  const std::string path = std::filesystem::temp_directory_path() / ("ngram_micro-" + std::to_string(::getpid()));
  save(model, path);
  const double bytes = double(std::filesystem::file_size(path));
  const auto forget = [&] {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    ::close(file);
  };
  for (const bool verify : {false, true})
    print(verify ? "load cold, checked (wall)" : "load cold, trusted (wall)",
          median_seconds(forget, [&] { load(path, verify); }, CLOCK_MONOTONIC), bytes, "bytes");
  print("load warm, checked", median_seconds([&] { load(path, true); }), bytes, "bytes");
  std::filesystem::remove(path);
}

void asking(const Model& model, std::string_view text) {
  ScoredTokens tokens;
  std::vector<std::vector<Word>> sentences;
  while (!text.empty() && tokens.words.size() < kQuestions) {
    const size_t end = std::min(text.find('\n'), text.size() - 1);
    tokens.begin(true);
    auto& sentence = sentences.emplace_back();
    split(text.substr(0, end + 1), [&](std::string_view word) { sentence.push_back(model.vocabulary().find(word)); });
    sentence.push_back(kEnd);
    for (const Word word : sentence) tokens.add(word);
    text.remove_prefix(end + 1);
  }
  const double words = double(tokens.words.size() - sentences.size());
  const State begin = model.state_after(std::vector<Word>{kBegin});
  double sum = 0;
  print("score word by word, states", median_seconds([&] {
          for (const auto& sentence : sentences) {
            State state = begin;
            for (const Word word : sentence) sum += model.score(state, word).log10;
          }
        }),
        words, "words");
  std::vector<float> log10(tokens.words.size());
  std::vector<uint8_t> order(tokens.words.size());
  BatchScorer scorer;
  print("score many at once",
        median_seconds([&] { scorer.score(model, tokens.words, tokens.before, log10.data(), order.data()); }), words,
        "words");
  std::printf("%44s %10.4f log10 a word\n", "", sum / kRounds / words);
}

void limits() {
  for (const size_t megabytes : {1, 16, 256})
    for (const size_t chains : {1, 16}) {
      const double seconds = seconds_a_load(megabytes << 20, chains);
      std::printf("load from anywhere in %3zu MB, %2zu at once     %10.2f ns\n", megabytes, chains, 1e9 * seconds);
    }
}

int run(const std::string& path, int order, const std::string& heldout) {
  const std::string corpus = contents(path);
  if (corpus.empty()) return std::fprintf(stderr, "%s: is empty\n", path.c_str()), 1;
  const Text text(corpus);
  std::printf("%zu tokens, %zu words, order %d\n", text.words.size(), text.vocabulary.size(), order);
  sorting_and_counting(text, order);
  const Model model = estimating(corpus, order);
  loading(model);
  const size_t tail = corpus.rfind('\n', corpus.size() > 2'000'000 ? corpus.size() - 2'000'000 : 0);
  asking(model, heldout.empty() ? std::string_view(corpus).substr(tail == corpus.npos ? 0 : tail + 1)
                                : std::string_view(contents(heldout)));
  limits();
  return 0;
}

}  // namespace
}  // namespace fastlm::ngram

int main(int argc, char** argv) {
  if (argc < 2) return std::fprintf(stderr, "usage: ngram_micro TEXT [ORDER] [HELD-OUT TEXT]\n"), 2;
  try {
    return fastlm::ngram::run(argv[1], argc > 2 ? std::atoi(argv[2]) : 5, argc > 3 ? argv[3] : "");
  } catch (const std::exception& error) {
    return std::fprintf(stderr, "ngram_micro: %s\n", error.what()), 1;
  }
}
