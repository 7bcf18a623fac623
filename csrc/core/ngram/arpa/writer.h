// ARPA files written: laid out as KenLM's lmplz does.
#pragma once

#include <string>
#include <string_view>

#include "ngrams.h"

namespace fastlm::ngram::arpa {

class Writer {
 public:
  using Text = std::function<std::string_view(Word)>;  // of a word
  using Sink = std::function<void(std::string_view)>;  // takes the file, block by block

  static constexpr float kZero = -99;  // what is written for log10 of 0, as SRILM does: some readers know no infinity

  // counts: n-grams of order 1, 2, ...; vocabulary: words are below.
  Writer(Text text, Word vocabulary, std::vector<uint64_t> counts, Sink sink);

  // The n-grams in the order of the file: of order 1, then 2, ... in blocks of one order. The probability of <s> is
  // written as 0: it is never predicted. Throws std::invalid_argument for a probability above 0, and NaN.
  void add(const Ngrams& ngrams);
  void finish();  // all of them have come

 private:
  void begin_sections();
  void write(const Word* words, float probability, float backoff);
  void flush();

  Text text_;
  Word vocabulary_;
  std::vector<uint64_t> counts_;
  Sink sink_;
  int order_ = 0;
  uint64_t written_ = 0;  // of the section
  bool broken_ = false;   // by an error: what was written is not whole
  std::string buffer_;
};

// A whole model.
void write(const Levels& levels, Writer::Text text, const Writer::Sink& sink);

}  // namespace fastlm::ngram::arpa
