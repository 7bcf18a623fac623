// The probability of a text that comes in blocks, under a model.
#pragma once

#include <string>

#include "model.h"
#include "text_reader.h"

namespace fastlm::ngram {

struct Evaluation {
  uint64_t tokens = 0;  // words and ends of sentences
  uint64_t sentences = 0;
  uint64_t unknown = 0;      // tokens that are not in the vocabulary
  double log10_known = 0;    // sum over the tokens that are
  double log10_unknown = 0;  // sum over the others; apart, as either may be -infinity
};

class Evaluator {
 public:
  Evaluator(const Model& model, InvalidUtf8 errors) : model_(model), reader_(errors) {}

  void begin(std::string source) {
    reader_.end(*this);
    reader_.begin(std::move(source));
  }
  void add(std::string_view block) { reader_.add(block, *this); }
  Evaluation finish() {
    reader_.end(*this);
    return evaluation_;
  }

  // What the reader calls.
  void begin_sentence() {
    constexpr Word kStart[] = {kBegin};
    state_ = model_.state_after(kStart);
    evaluation_.sentences++;
  }
  void word(std::string_view text) { token(model_.vocabulary().find(text)); }
  void end_sentence() { token(kEnd); }

 private:
  void token(Word word) {
    const double log10 = model_.score(state_, word).log10;
    evaluation_.tokens++;
    evaluation_.unknown += word == kUnknown;
    (word == kUnknown ? evaluation_.log10_unknown : evaluation_.log10_known) += log10;
  }

  const Model& model_;
  TextReader reader_;
  State state_;
  Evaluation evaluation_;
};

}  // namespace fastlm::ngram
