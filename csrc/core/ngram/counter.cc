#include "counter.h"

#include <algorithm>
#include <numeric>

#include "count.h"

namespace fastlm::ngram {

Counter::Counter(CountOptions options)
    : options_(std::move(options)),
      reader_(options_.errors, options_.reserved),
      corpus_(options_.memory / 4, options_.temp_dir) {
  const auto require = [](bool good, const std::string& what) {
    if (!good) throw std::invalid_argument(what);
  };
  require(options_.order >= 1 && options_.order <= kMaxOrder,
          "order must be between 1 and " + std::to_string(kMaxOrder) + ", got " + std::to_string(options_.order));
  require(options_.min_count >= 1, "min_count must be at least 1, got 0");
  require(options_.threads >= 0, "threads must not be negative, got " + std::to_string(options_.threads));
  if (!options_.vocabulary) return;
  require(options_.min_count == 1 && options_.max_vocabulary == 0,
          "min_count and max_vocabulary choose a vocabulary; they cannot be used with one that is given");
  for (const std::string& word : *options_.vocabulary) {
    require(!word.empty() && word.find_first_of(std::string_view(" \t\r\v\f\n\0", 7)) == word.npos,
            "a word of the vocabulary must not be empty nor contain white space, got '" + word + "'");
    words_.add(word);
  }
}

void Counter::begin(std::string source) {
  reader_.end(*this);
  reader_.begin(std::move(source));
}

void Counter::word(std::string_view text) {
  corpus_.push_back(options_.vocabulary ? words_.find(text).value_or(kUnknown) : words_.add(text));
}

void Counter::restore_token(Word word) {
  if (word >= words_.size()) throw std::invalid_argument("a token without a word");
  sentences_ += word == kBegin;
  corpus_.push_back(word);
}

Counted Counter::count(bool adjusted, std::function<void()> poll, std::function<void(double)> done) {
  reader_.end(*this);
  if (tokens() == sentences_) throw std::invalid_argument("the corpus is empty: expected at least one word");
  if (!options_.vocabulary) choose_words();
  CountJob job{Word(words_.size()), options_.order, adjusted, 0, options_.temp_dir, 0, std::move(done)};
  if (options_.memory) {
    const uint64_t used = words_.bytes() + (corpus_.resident() ? corpus_.size() * sizeof(Word) : 0);
    job.memory = options_.memory > used ? options_.memory - used : 1;
  }
  Counted counted{{options_.order, tokens(), sentences_, options_.tokenization},
                  Vocabulary(words_.size(), [this](Word word) { return words_.text(word); }),
                  {},
                  0};
  words_ = {};
  counted.levels = count_ngrams(corpus_, job, {options_.threads, std::move(poll)}, &counted.bytes_on_disk);
  *this = Counter(options_);
  return counted;
}

Table Counter::finish(std::function<void()> poll) {
  const Counted counted = count(false, std::move(poll));
  return make_table(counted.corpus, counted.vocabulary, counted.levels);
}

// Numbers the words anew, the most frequent first, and makes <unk> of those that are too rare.
void Counter::choose_words() {
  std::vector<uint64_t> counts(words_.size());
  corpus_.scan(0, [&](const Word* words, uint64_t, uint64_t size) {
    for (uint64_t i = 0; i < size; i++) counts[words[i]]++;
  });
  std::vector<Word> ranked(words_.size() - kSpecial);
  std::iota(ranked.begin(), ranked.end(), kSpecial);
  std::stable_sort(ranked.begin(), ranked.end(), [&](Word a, Word b) { return counts[a] > counts[b]; });
  if (options_.max_vocabulary && ranked.size() > options_.max_vocabulary) ranked.resize(options_.max_vocabulary);
  while (!ranked.empty() && counts[ranked.back()] < options_.min_count) ranked.pop_back();
  GrowingVocabulary chosen;
  std::vector<Word> renamed(words_.size(), kUnknown);
  for (Word special = 0; special < kSpecial; special++) renamed[special] = special;
  for (Word word : ranked) renamed[word] = chosen.add(words_.text(word));
  corpus_.rename(std::move(renamed));
  words_ = std::move(chosen);
}

}  // namespace fastlm::ngram
