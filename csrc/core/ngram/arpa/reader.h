// ARPA files of n-gram models, as KenLM, SRILM, MITLM, IRSTLM and OpenGrm write them, in blocks of bytes cut anywhere.
//
// Doug Paul's format for the ARPA evaluations, as SRILM's manual ngram-format(5) has it.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../lines.h"
#include "../vocabulary.h"
#include "sorter.h"
#include "word_table.h"

namespace fastlm::ngram::arpa {

// What a model does not have as it should, and what was done about it.
struct Notes {
  bool unknown_missing = false;  // <unk> is not among the unigrams: it got kMissing
  uint64_t lacking = 0;          // words of a given vocabulary that are not among the unigrams: they got what <unk> has
  uint64_t rounded = 0;          // log10 probabilities a little above 0, taken as 0
  std::vector<uint64_t> inserted;  // of order 1, 2, ...: n-grams that were missing, though others continue or end them

  static constexpr float kMissing = -100;  // log10, as in KenLM
};

// A model as it was read: sorted, and complete: the first n - 1 words of each n-gram are one of the level below, and so
// are its last n - 1.
struct Model {
  std::shared_ptr<const GrowingVocabulary> vocabulary;
  Levels levels;
  Notes notes;

  int order() const { return int(levels.size()); }
};

class Reader {
 public:
  // vocabulary: the words that there may be, the special ones first; none: the unigrams are the vocabulary, in their
  // order, after the special ones.
  explicit Reader(SortOptions options, std::optional<std::vector<std::string>> vocabulary = {});

  Reader(const Reader&) = delete;  // what it makes refers to it

  // Errors are TextErrors with file and line.
  void begin(std::string source);
  void add(std::string_view block);
  Model finish();  // the file has ended; a reader reads one

 private:
  enum class Part { kNone, kHeader, kCounts, kSection, kEnded, kDone };

  [[noreturn]] void fail(const std::string& what) const { fail_at(lines_.number(), what); }
  [[noreturn]] void fail_at(uint64_t line, const std::string& what) const;
  auto guarded(auto&& work);
  void add_lines(std::string_view block);
  Model finish_lines();
  void check_size(size_t bytes) const;

  void line(std::string_view text);
  void header(std::string_view text);
  void count(std::string_view text);
  void marker(std::string_view text);
  void begin_section(int order);
  void end_section();
  void end_unigrams();
  void unigram(std::string_view text);
  void ngram(std::string_view text);
  float probability(std::string_view field, Word word);
  float backoff(std::string_view rest);
  Word find(std::string_view word, int position);

  SortOptions options_;
  std::unique_ptr<Memory> memory_;
  bool fixed_;  // the vocabulary was given
  std::shared_ptr<GrowingVocabulary> vocabulary_;
  std::optional<WordTable> table_;  // of it, when the unigrams have come
  std::string source_;
  LineReader lines_;
  size_t head_ = 0;  // bytes before the header
  Part part_ = Part::kNone;
  std::vector<uint64_t> counts_;  // as the header says
  int order_ = 0;                 // of the section
  uint64_t seen_ = 0, section_line_ = 0;
  std::vector<float> probabilities_, backoffs_;  // of words; NaN: not seen
  std::unique_ptr<Sorter> sorter_;
  std::array<Word, kMaxOrder> words_{};  // of the n-gram, or at first of the one before
  Levels levels_;
  Notes notes_;
};

}  // namespace fastlm::ngram::arpa
