#include "writer.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <utility>

#include "numbers.h"

namespace fastlm::ngram::arpa {
namespace {

constexpr size_t kBlock = 1 << 18;  // bytes for the sink

std::string grams(int n) { return std::to_string(n) + "-grams"; }

[[noreturn]] void refuse(const std::string& what) { throw std::invalid_argument(what); }

}  // namespace

Writer::Writer(Text text, Word vocabulary, std::vector<uint64_t> counts, Sink sink)
    : text_(std::move(text)), vocabulary_(vocabulary), counts_(std::move(counts)), sink_(std::move(sink)) {
  if (counts_.empty() || counts_.size() > size_t(kMaxOrder))
    refuse("expected an order between 1 and " + std::to_string(kMaxOrder) + ", got " + std::to_string(counts_.size()));
  buffer_ = "\\data\\\n";
  for (size_t n = 1; n <= counts_.size(); n++)
    buffer_.append("ngram ").append(std::to_string(n)).append("=").append(std::to_string(counts_[n - 1])).append("\n");
  begin_sections();
}

void Writer::add(const Ngrams& ngrams) {
  if (std::exchange(broken_, true)) refuse("expected no more after an error");
  if (order_ > int(counts_.size())) {
    if (ngrams.size() > 0) refuse("expected no more n-grams than the counts say, got more");
    broken_ = false;
    return;
  }
  if (ngrams.backoff.size() != ngrams.size() || ngrams.words.size() != ngrams.size() * order_)
    refuse("expected " + grams(order_) + ", each of " + std::to_string(order_) +
           " words with a probability and a backoff, got " + std::to_string(ngrams.words.size()) + " words, " +
           std::to_string(ngrams.size()) + " probabilities and " + std::to_string(ngrams.backoff.size()) + " backoffs");
  if (ngrams.size() > counts_[order_ - 1] - written_)
    refuse("expected " + std::to_string(counts_[order_ - 1]) + " " + grams(order_) + ", as the counts say, got more");
  for (size_t i = 0; i < ngrams.size(); i++) {
    write(ngrams.words.data() + i * order_, ngrams.probability[i], ngrams.backoff[i]);
    if (buffer_.size() >= kBlock) flush();
  }
  written_ += ngrams.size();
  begin_sections();
  broken_ = false;
}

void Writer::finish() {
  if (broken_) refuse("expected no more after an error");
  if (order_ <= int(counts_.size()))
    refuse("expected " + std::to_string(counts_[order_ - 1]) + " " + grams(order_) + ", as the counts say, got " +
           std::to_string(written_));
  buffer_ += "\n\\end\\\n";
  flush();
}

// As many as now begin: empty ones end at once.
void Writer::begin_sections() {
  while (order_ <= int(counts_.size()) && (order_ == 0 || written_ == counts_[order_ - 1])) {
    written_ = 0;
    if (++order_ <= int(counts_.size())) buffer_.append("\n\\").append(grams(order_)).append(":\n");
  }
}

void Writer::write(const Word* words, float probability, float backoff) {
  if (order_ == 1 && words[0] == kBegin) probability = 0;
  if (!(probability <= 0)) refuse("expected log10 probabilities of at most 0, got " + std::to_string(probability));
  if (!(backoff < std::numeric_limits<float>::infinity()))
    refuse("expected log10 backoffs that are numbers below infinity, got " + std::to_string(backoff));
  append_float(buffer_, std::isinf(probability) ? kZero : probability);
  for (int i = 0; i < order_; i++) {
    if (words[i] >= vocabulary_)
      refuse("expected words below " + std::to_string(vocabulary_) + ", got " + std::to_string(words[i]));
    buffer_.append(i ? " " : "\t").append(text_(words[i]));
  }
  if (order_ < int(counts_.size())) {
    buffer_ += '\t';
    append_float(buffer_, std::isinf(backoff) ? kZero : backoff);
  }
  buffer_ += '\n';
}

void Writer::flush() {
  sink_(buffer_);
  buffer_.clear();
}

void write(const Levels& levels, Writer::Text text, const Writer::Sink& sink) {
  std::vector<uint64_t> counts;
  for (const Level& level : levels) counts.push_back(level.size);
  Writer writer(std::move(text), Word(counts.at(0)), counts, sink);
  for (const Level& level : levels) {
    const auto source = level.open();
    for (Ngrams block = source->next(); block.size() > 0; block = source->next()) writer.add(block);
  }
  writer.finish();
}

}  // namespace fastlm::ngram::arpa
