// The delta of add-delta under which a held-out text is most probable.
#pragma once

#include <map>
#include <unordered_map>

#include "table.h"
#include "text_reader.h"

namespace fastlm::ngram {

// Reads the text once, and keeps what its likelihood depends on: for each word how often it follows its context in the
// table, and how often any word does.
class DeltaSearch {
 public:
  DeltaSearch(const Table& table, InvalidUtf8 errors) : table_(table), reader_(errors) {}

  void begin(std::string source) {
    reader_.end(*this);
    reader_.begin(std::move(source));
  }
  void add(std::string_view block) { reader_.add(block, *this); }
  double finish();  // throws std::invalid_argument if there was no text

  // What the reader calls.
  void begin_sentence() { context_.assign(1, kBegin); }
  void word(std::string_view text) { token(table_.vocabulary().find(text)); }
  void end_sentence() { token(kEnd); }

 private:
  void token(Word word);
  uint64_t total(int n, uint64_t node);
  double log_likelihood(double delta) const;

  const Table& table_;
  TextReader reader_;
  std::vector<Word> context_;
  std::map<std::pair<uint64_t, uint64_t>, uint64_t> seen_;      // (count, total): tokens
  std::vector<std::unordered_map<uint64_t, uint64_t>> totals_;  // by words of the context and its node
};

}  // namespace fastlm::ngram
