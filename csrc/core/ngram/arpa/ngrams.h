// N-grams with their log10 probabilities and backoffs as sorted streams: what an ARPA file says, and what one is
// written from.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "../word.h"

namespace fastlm::ngram::arpa {

// Some n-grams of one order, one behind the other.
struct Ngrams {
  std::span<const Word> words;         // [size, order]
  std::span<const float> probability;  // log10; may be -infinity
  std::span<const float> backoff;      // log10; 0 for the highest order

  size_t size() const { return probability.size(); }
};

// The n-grams of one order, read once from front to back.
class Source {
 public:
  virtual ~Source() = default;
  virtual Ngrams next() = 0;  // some more, valid until the next call; none: that was all
};

// All n-grams of one order, sorted by their first word, then by the second, ... Level 1 has each word of the
// vocabulary.
struct Level {
  int order = 0;
  uint64_t size = 0;
  std::function<std::unique_ptr<Source>()> open;  // to read it once more
};

using Levels = std::vector<Level>;  // of order 1, 2, ...

// A level read n-gram by n-gram.
class Cursor {
 public:
  explicit Cursor(const Level& level) : order_(level.order), source_(level.open()) { fill(); }

  explicit operator bool() const { return at_ < block_.size(); }
  const Word* words() const { return block_.words.data() + at_ * order_; }
  float probability() const { return block_.probability[at_]; }
  float backoff() const { return block_.backoff[at_]; }
  void advance() {
    if (++at_ == block_.size()) fill();
  }

  // Goes on to the first n-gram that is not below these words. Whether it is they.
  bool seek(const Word* words) {
    for (; *this; advance()) {
      const auto [mine, theirs] = std::mismatch(this->words(), this->words() + order_, words);
      if (mine == this->words() + order_) return true;
      if (*mine > *theirs) return false;
    }
    return false;
  }

 private:
  void fill() { block_ = source_->next(), at_ = 0; }

  int order_;
  std::unique_ptr<Source> source_;
  Ngrams block_;
  size_t at_ = 0;
};

}  // namespace fastlm::ngram::arpa
