// The probability of a text that comes in blocks, under a model.
#pragma once

#include <string>

#include "batch.h"
#include "sentences.h"
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
  Evaluator(const Model& model, InvalidUtf8 errors, Workers workers = {.threads = 1})
      : model_(model), reader_(errors), workers_(std::move(workers)) {}

  void begin(std::string source) {
    reader_.end(*this);
    reader_.begin(std::move(source));
  }
  void add(std::string_view block) { reader_.add(block, *this); }
  Evaluation finish() {
    reader_.end(*this);
    score();
    return evaluation_;
  }

  // What the reader calls.
  void begin_sentence() {
    if (tokens_.words.size() >= kEnough) score();
    tokens_.begin(true);
    evaluation_.sentences++;
  }
  void word(std::string_view text) {
    if (tokens_.words.size() >= kMost) score();
    tokens_.add(model_.vocabulary().find(text));
  }
  void end_sentence() { tokens_.add(kEnd); }

 private:
  static constexpr size_t kEnough = 1 << 18, kMost = 1 << 20;  // tokens that are scored at once

  // What has not been scored yet. The last words stay: a long sentence may go on.
  void score() {
    const auto& words = tokens_.words;
    log10_.resize(words.size()), order_.resize(words.size());
    score_all(model_, words, tokens_.before, log10_.data(), order_.data(), workers_);
    for (size_t i = scored_; i < words.size(); i++) {
      if (words[i] == kBegin) continue;
      evaluation_.tokens++;
      evaluation_.unknown += words[i] == kUnknown;
      (words[i] == kUnknown ? evaluation_.log10_unknown : evaluation_.log10_known) += log10_[i];
    }
    scored_ = std::min<size_t>(words.size(), model_.order() - 1);
    tokens_.keep_last(scored_);
  }

  const Model& model_;
  TextReader reader_;
  Workers workers_;
  ScoredTokens tokens_;
  size_t scored_ = 0;  // of them
  std::vector<float> log10_;
  std::vector<uint8_t> order_;
  Evaluation evaluation_;
};

}  // namespace fastlm::ngram
