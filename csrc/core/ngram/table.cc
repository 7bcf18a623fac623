#include "table.h"

namespace fastlm::ngram {
namespace {

enum Number { kOrder, kTokens, kSentences, kNumbers };

Corpus corpus_of(const Sections& sections) {
  const Array numbers = find_section(sections, "numbers");
  if (numbers.size() != kNumbers || numbers.width() != sizeof(uint64_t)) return {0, 0, 0};
  const uint64_t order = numbers[kOrder];
  return {order <= kMaxOrder ? int(order) : 0, numbers[kTokens], numbers[kSentences],
          std::string(find_section(sections, "tokenization").text())};
}

}  // namespace

void put_corpus(SectionSink& sink, const Corpus& corpus, const Vocabulary& vocabulary) {
  const uint64_t numbers[kNumbers] = {uint64_t(corpus.order), corpus.tokens, corpus.sentences};
  sink.put("numbers", array_of(numbers, kNumbers));
  if (!corpus.tokenization.empty()) sink.put("tokenization", array_of(corpus.tokenization));
  const auto& [characters, ends, slots] = vocabulary.arrays();
  sink.put("vocabulary.characters", characters);
  sink.put("vocabulary.ends", ends);
  sink.put("vocabulary.slots", slots);
}

Table::Table(Sections sections)
    : sections_(std::move(sections)),
      corpus_(corpus_of(sections_)),
      vocabulary_({find_section(sections_, "vocabulary.characters"), find_section(sections_, "vocabulary.ends"),
                   find_section(sections_, "vocabulary.slots")}),
      trie_(sections_, corpus_.order) {}

uint64_t Table::distinct(int n) const {
  if (n > 1) return trie_.size(n);
  uint64_t seen = 0;
  for (uint64_t i = 0; i < trie_.size(1); i++) seen += trie_.count(1, i) > 0;
  return seen;
}

std::optional<std::string> Table::fault(bool whole) const {
  if (corpus_.order < 1) return "has no valid order";
  if (whole)
    if (const auto fault = vocabulary_.fault()) return fault;
  if (vocabulary_.size() < kSpecial) return "has no vocabulary";
  if (vocabulary_.size() != trie_.vocabulary()) return "has a vocabulary that does not match its counts";
  return trie_.fault(whole);
}

void write_table(SectionSink& sink, const Corpus& corpus, const Vocabulary& vocabulary, const NodeLevels& levels) {
  put_corpus(sink, corpus, vocabulary);
  write_trie(sink, levels);
}

Table make_table(const Corpus& corpus, const Vocabulary& vocabulary, const NodeLevels& levels) {
  MemorySink sink;
  write_table(sink, corpus, vocabulary, levels);
  return Table(sink.finish());
}

}  // namespace fastlm::ngram
