#include "indexer.h"

#include <stdexcept>

#include "order.h"

namespace fastlm::ngram::suffix {

Documents documents_of(std::string_view name) {
  if (name == "file") return Documents::kSource;
  if (name == "line") return Documents::kLine;
  if (name == "blank-line") return Documents::kParagraph;
  throw std::invalid_argument("documents must be 'file', 'line' or 'blank-line', got '" + std::string(name) + "'");
}

Indexer::Indexer(Documents documents, InvalidUtf8 errors, int threads)
    : documents_(documents), errors_(errors), threads_(threads), reader_(errors) {
  if (threads < 0) throw std::invalid_argument("threads must not be negative, got " + std::to_string(threads));
}

void Indexer::begin(std::string source) {
  end_source();
  lines_.begin_source(source);
  reader_.begin(std::move(source));
}

void Indexer::end_sentence() {
  const bool empty = line_ == corpus_.size();
  if (documents_ == Documents::kLine || (documents_ == Documents::kParagraph && empty && begins_.back() < line_))
    end_document();
}

void Indexer::end_source() {
  if (lines_.empty()) return;
  reader_.end(*this);
  lines_.end_source(corpus_.size());
  if (documents_ == Documents::kSource || begins_.back() < corpus_.size()) end_document();
}

void Indexer::end_document() {
  corpus_.push_back(kEnd);
  begins_.push_back(corpus_.size());
}

Index Indexer::finish(std::function<void()> poll) {
  end_source();
  if (corpus_.size() + 1 == begins_.size())  // nothing but ends
    throw std::invalid_argument("the corpus is empty: expected at least one word");
  const Workers workers{threads_, std::move(poll)};
  Order order = sort_suffixes(corpus_, words_.size(), workers);
  const Index index(Vocabulary(words_.size(), [this](Word word) { return words_.text(word); }),
                    {packed(corpus_), std::move(order.positions), std::move(order.firsts), packed(begins_)},
                    std::move(lines_).finish());
  *this = Indexer(documents_, errors_, threads_);
  return index;
}

}  // namespace fastlm::ngram::suffix
