// From texts in blocks to an index of their documents.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "../parallel.h"
#include "../text_reader.h"
#include "../vocabulary.h"
#include "index.h"

namespace fastlm::ngram::suffix {

// What a document is: an n-gram never reaches from one into the next.
enum class Documents { kSource, kLine, kParagraph };

Documents documents_of(std::string_view name);  // file, line or blank-line

class Indexer {
 public:
  Indexer(Documents documents, InvalidUtf8 errors, int threads);

  void begin(std::string source);
  void add(std::string_view block) {
    if (lines_.empty()) begin("text");
    reader_.add(block, *this);
  }
  uint64_t tokens() const { return corpus_.size(); }
  Index finish(std::function<void()> poll = {});  // empty afterwards

  // What the reader calls.
  void begin_sentence() { lines_.begin_line(corpus_.size()), line_ = corpus_.size(); }
  void word(std::string_view text) { corpus_.push_back(words_.add(text)); }
  void end_sentence();

 private:
  void end_source();
  void end_document();

  Documents documents_;
  InvalidUtf8 errors_;
  int threads_;
  TextReader reader_;
  GrowingVocabulary words_;
  GrowingLines lines_;
  std::vector<Word> corpus_;
  std::vector<uint64_t> begins_ = {0};  // of the documents
  uint64_t line_ = 0;                   // where the line begins
};

}  // namespace fastlm::ngram::suffix
