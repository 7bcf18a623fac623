// What a model makes of each token of a text, for what is worked out of several models.
#pragma once

#include <vector>

#include "model.h"
#include "text_reader.h"

namespace fastlm::ngram {

class TokenScores {
 public:
  TokenScores(const Model& model, InvalidUtf8 errors) : model_(model), reader_(errors) {}

  void begin(std::string source) {
    reader_.end(*this);
    reader_.begin(std::move(source));
  }
  void add(std::string_view block) { reader_.add(block, *this); }
  void finish() { reader_.end(*this); }

  uint64_t sentences() const { return sentences_; }
  std::vector<float>& log10() { return log10_; }
  std::vector<uint8_t>& unknown() { return unknown_; }  // whether the token is not in the vocabulary

  // What the reader calls.
  void begin_sentence() {
    constexpr Word kStart[] = {kBegin};
    state_ = model_.state_after(kStart);
    sentences_++;
  }
  void word(std::string_view text) { token(model_.vocabulary().find(text)); }
  void end_sentence() { token(kEnd); }

 private:
  void token(Word word) {
    log10_.push_back(model_.score(state_, word).log10);
    unknown_.push_back(word == kUnknown);
  }

  const Model& model_;
  TextReader reader_;
  State state_;
  uint64_t sentences_ = 0;
  std::vector<float> log10_;
  std::vector<uint8_t> unknown_;
};

}  // namespace fastlm::ngram
