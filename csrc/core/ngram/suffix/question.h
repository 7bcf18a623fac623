// A text that an index is asked about: its words by the numbers of the index.
#pragma once

#include <string>
#include <vector>

#include "../text_reader.h"
#include "index.h"

namespace fastlm::ngram::suffix {

struct Question {
  std::vector<Word> words;  // kNoWord for those that the corpus does not have; behind each source kEnd
  Lines lines;
};

// Takes texts in blocks.
class Questioner {
 public:
  Questioner(const Index& index, InvalidUtf8 errors) : index_(&index), reader_(errors) {}

  void begin(std::string source) {
    end_source();
    lines_.begin_source(source);
    reader_.begin(std::move(source));
  }
  void add(std::string_view block) {
    if (lines_.empty()) begin("text");
    reader_.add(block, *this);
  }
  Question finish() {
    end_source();
    return {std::move(words_), std::move(lines_).finish()};
  }

  // What the reader calls.
  void begin_sentence() { lines_.begin_line(words_.size()); }
  void word(std::string_view text) { words_.push_back(index_->id(text)); }
  void end_sentence() {}

 private:
  void end_source() {
    if (lines_.empty()) return;
    reader_.end(*this);
    lines_.end_source(words_.size());
    words_.push_back(kEnd);
  }

  const Index* index_;
  TextReader reader_;
  GrowingLines lines_;
  std::vector<Word> words_;
};

}  // namespace fastlm::ngram::suffix
