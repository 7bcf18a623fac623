// Counts as lines of text: words, a tab and the count, as SRILM's ngram-count writes them too.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lines.h"
#include "parallel.h"
#include "table.h"

namespace fastlm::ngram {

// Gives the n-grams of an order that occur so often or more to a sink, sorted, in blocks of whole lines.
void write_counts(const Table& table, int order, uint64_t min_count, const std::function<void(std::string_view)>& sink);

// N-grams of one length with their counts, one behind the other.
struct CountRows {
  int order = 0;
  std::vector<Word> words = {};       // [size, order]
  std::vector<uint64_t> counts = {};  // [size]
  std::vector<uint64_t> places = {};  // [size] where each stands: see CountsReader

  size_t size() const { return counts.size(); }
  const Word* row(size_t i) const { return words.data() + i * order; }
  void add(const Word* row, uint64_t count, uint64_t place) {
    words.insert(words.end(), row, row + order), counts.push_back(count), places.push_back(place);
  }
};

// Makes a table of what it reads, in any order. Each file has an n-gram once; the counts of several files add.
//
// The begins and the ends of n-grams that are not there are added, with as many occurrences as there are of longer ones
// that begin, or end, with them, whichever are more. One that is there must occur so often at least. Words get their
// numbers by falling count.
class CountsReader {
 public:
  explicit CountsReader(std::string tokenization = {}) : tokenization_(std::move(tokenization)) {}

  // Errors are TextErrors with file and line.
  void begin(std::string source);
  void add(std::string_view block);
  Table finish(const Workers& workers);  // the reader is empty afterwards

 private:
  static constexpr int kLineBits = 40;  // of a place; above them is the number of the file

  [[noreturn]] void fail(const std::string& what) const { fail_at(here(), what); }
  [[noreturn]] void fail_at(uint64_t place, const std::string& what) const;
  uint64_t here() const { return uint64_t(sources_.size() - 1) << kLineBits | lines_.number(); }
  std::string name_of(uint64_t place) const;
  std::string text_of(const Word* row, int order) const;

  void end_file();
  void line(std::string_view text);
  Word word_of(std::string_view word);
  CountRows sorted(CountRows rows, const Workers& workers) const;
  CountRows added(const CountRows& sorted, bool files_apart) const;
  CountRows completed(const CountRows& given, const CountRows& longer, const Workers& workers) const;

  std::string tokenization_;
  std::vector<std::string> sources_;
  LineReader lines_;
  GrowingVocabulary vocabulary_;
  std::vector<CountRows> levels_;  // of order 1, 2, ...
};

}  // namespace fastlm::ngram
