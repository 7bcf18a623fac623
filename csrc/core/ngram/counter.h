// From a text in blocks to a table: words to numbers, the choice of the vocabulary, counting.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nodes.h"
#include "table.h"
#include "text_reader.h"
#include "tokens.h"

namespace fastlm::ngram {

struct CountOptions {
  int order = 5;
  std::optional<std::vector<std::string>> vocabulary = {};  // all others are <unk>; without it, all words of the text
  uint64_t min_count = 1;                                   // rarer words are <unk>
  uint64_t max_vocabulary = 0;                              // the most frequent ones, the special ones apart; 0: all
  InvalidUtf8 errors = InvalidUtf8::kStrict;
  Reserved reserved = Reserved::kError;
  int threads = 0;                // 0: one for each processor
  uint64_t memory = 0;            // bytes that the work may take; 0: any
  std::string temp_dir = {};      // for what does not fit; empty: $TMPDIR, or /tmp
  std::string tokenization = {};  // see Corpus
};

// The counts as they were made, level by level, and what they are counts of.
struct Counted {
  Corpus corpus;
  Vocabulary vocabulary;
  NodeLevels levels;
  uint64_t bytes_on_disk;  // in temporary files
};

class Counter {
 public:
  explicit Counter(CountOptions options);

  void begin(std::string source);
  void add(std::string_view block) { reader_.add(block, *this); }
  const CountOptions& options() const { return options_; }
  uint64_t tokens() const { return corpus_.size() - sentences_; }
  // adjusted: Kneser & Ney's counts too. poll: see Workers; done: see CountJob. The counter is empty afterwards.
  Counted count(bool adjusted, std::function<void()> poll = {}, std::function<void(double)> done = {});
  Table finish(std::function<void()> poll = {});

  // What has been read, to be kept elsewhere, and given back to a new counter with the same options: first the words,
  // then the tokens, then where the reader is.
  uint64_t size() const { return corpus_.size(); }  // tokens with <s>
  void read(uint64_t at, std::span<Word> tokens) const { corpus_.read(at, tokens); }
  const GrowingVocabulary& words() const { return words_; }
  const TextReader::State& reading() const { return reader_.state(); }
  void restore_word(std::string_view word) { words_.add(word); }
  void restore_token(Word word);
  void restore_reading(TextReader::State state) { reader_.restore(std::move(state)); }

  // What the reader calls.
  void begin_sentence() { corpus_.push_back(kBegin), sentences_++; }
  void word(std::string_view text);
  void end_sentence() { corpus_.push_back(kEnd); }

 private:
  void choose_words();

  CountOptions options_;
  TextReader reader_;
  GrowingVocabulary words_;
  Tokens corpus_;
  uint64_t sentences_ = 0;
};

}  // namespace fastlm::ngram
