#include "counts_text.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "combine.h"
#include "errors.h"
#include "parts.h"

namespace fastlm::ngram {
namespace {

constexpr size_t kLongestLine = 1 << 26;  // bytes

// Below 0, 0 or above 0, as a stands before b, beside it or behind it.
int compare(const Word* a, const Word* b, int order) {
  for (int n = 0; n < order; n++)
    if (a[n] != b[n]) return a[n] < b[n] ? -1 : 1;
  return 0;
}

// Rows of the n-grams that are left when the first or the last word goes; sorted if `rows` are and the last one goes.
CountRows shortened(const CountRows& rows, bool first_goes) {
  CountRows shorter{rows.order - 1};
  shorter.words.reserve(rows.size() * shorter.order);
  for (size_t i = 0; i < rows.size(); i++) shorter.add(rows.row(i) + first_goes, rows.counts[i], rows.places[i]);
  return shorter;
}

// The nodes of a level, of which those of level 1 are all words.
PartLevel nodes_of(const CountRows& rows, size_t words) {
  PartLevel level;
  for (size_t word = 0, at = 0; rows.order == 1 && word < words; word++) {
    const bool is_there = at < rows.size() && *rows.row(at) == word;
    level.add(Word(word), is_there ? rows.counts[at] : 0);
    at += is_there;
  }
  for (size_t i = 0; rows.order > 1 && i < rows.size(); i++) level.add(rows.row(i)[rows.order - 1], rows.counts[i]);
  return level;
}

// How many of the longer n-grams begin with each of a level, whose rows, and nodes, these are.
void count_children(const CountRows& rows, const CountRows& longer, PartLevel& level) {
  for (size_t i = 0, context = 0; i < longer.size(); i++) {
    while (compare(rows.row(context), longer.row(i), rows.order) < 0) context++;
    level.children[rows.order == 1 ? *longer.row(i) : context]++;
  }
}

}  // namespace

void write_counts(const Table& table, int order, uint64_t min_count,
                  const std::function<void(std::string_view)>& sink) {
  constexpr uint64_t kRows = 1 << 12;
  constexpr size_t kBytes = 1 << 18;
  std::vector<Word> words(kRows * order);
  std::string text;
  const uint64_t size = table.trie().size(order);
  for (uint64_t begin = 0; begin < size; begin += kRows) {
    const uint64_t end = std::min(size, begin + kRows);
    table.trie().copy_words(order, begin, end, words.data());
    for (uint64_t i = begin; i < end; i++) {
      const uint64_t count = table.trie().count(order, i);
      if (count < std::max<uint64_t>(min_count, 1)) continue;
      for (int n = 0; n < order; n++)
        text.append(n ? " " : "").append(table.vocabulary().text(words[(i - begin) * order + n]));
      text.append("\t").append(std::to_string(count)).append("\n");
    }
    if (text.size() >= kBytes || end == size) sink(text), text.clear();
  }
}

void CountsReader::begin(std::string source) {
  end_file();
  sources_.push_back(std::move(source));
  lines_.begin();
}

void CountsReader::add(std::string_view block) {
  lines_.add(
      block, [this](std::string_view text) { line(text); },
      [this](size_t bytes) {
        if (bytes > kLongestLine)
          fail("a line of more than " + std::to_string(kLongestLine) + " bytes; this is not a list of counts");
      });
}

void CountsReader::end_file() {
  if (!sources_.empty()) line(lines_.partial());
  lines_.begin();
}

void CountsReader::fail_at(uint64_t place, const std::string& what) const {
  throw TextError(name_of(place) + ": " + what);
}

std::string CountsReader::name_of(uint64_t place) const {
  return sources_[place >> kLineBits] + ":" + std::to_string(place & ((uint64_t(1) << kLineBits) - 1));
}

std::string CountsReader::text_of(const Word* row, int order) const {
  std::string text;
  for (int n = 0; n < order; n++) text.append(n ? " " : "").append(vocabulary_.text(row[n]));
  return shown(text);
}

void CountsReader::line(std::string_view text) {
  if (trimmed(text).empty()) return;
  const std::string_view whole = text;
  size_t between = text.rfind('\t');  // what stands behind it is the count; without a tab, the last field
  if (between == std::string_view::npos) text = trimmed(text), between = text.rfind(' ');
  const std::string_view field = between == std::string_view::npos ? text : trimmed(text.substr(between + 1));
  Word words[kMaxOrder];
  int order = 0;
  text = between == std::string_view::npos ? std::string_view() : text.substr(0, between);
  for (std::string_view word; !(word = next_field(text)).empty();) {
    if (order == kMaxOrder) fail("an n-gram of more than " + std::to_string(kMaxOrder) + " words; that is the limit");
    if (order && words[order - 1] == kEnd)
      fail("'</s>' ends a sentence; expected no word behind it, got " + shown(word));
    words[order] = word_of(word);
    if (order && words[order] == kBegin) fail("'<s>' begins a sentence; expected no word before it in " + shown(whole));
    order++;
  }
  if (order == 0) fail("expected words, a tab and their count, got " + shown(whole));
  const auto count = parse_whole(field);
  if (!count) {
    const bool negative = field.starts_with('-') && parse_whole(field.substr(1));
    fail((negative ? "expected a count of 0 or more, got " : "expected a whole number as the count, got ") +
         shown(field));
  }
  while (int(levels_.size()) < order) levels_.push_back({int(levels_.size()) + 1});
  levels_[order - 1].add(words, *count, here());
}

Word CountsReader::word_of(std::string_view word) {
  if (const auto known = vocabulary_.find(word)) return *known;
  if (find_invalid_utf8(word) != std::string_view::npos) fail("invalid UTF-8 in the word " + shown(word));
  if (word.find_first_of(std::string_view("\0\v\f", 3)) != std::string_view::npos)
    fail("byte 0 or white space in the word " + shown(word) + ": this is not a list of counts");
  return vocabulary_.add(word);
}

Table CountsReader::finish(const Workers& workers) {
  end_file();
  const auto nothing = [&](const std::string& what) {
    std::string names;
    for (const std::string& source : sources_) names.append(names.empty() ? "" : ", ").append(source);
    throw TextError(names + ": expected at least one " + what + ", got none");
  };
  if (levels_.empty()) nothing("n-gram with its count");
  Part part(levels_.size());
  for (size_t n = levels_.size(); n-- > 0;) {  // one after the other, so that few are in memory at once
    levels_[n] = added(sorted(std::move(levels_[n]), workers), true);
    const bool is_last = n + 1 == levels_.size();
    if (!is_last) levels_[n] = completed(levels_[n], levels_[n + 1], workers);
    part[n] = nodes_of(levels_[n], vocabulary_.size());
    if (!is_last) count_children(levels_[n], levels_[n + 1], part[n]), levels_[n + 1] = {};
  }
  Corpus corpus{int(levels_.size()), 0, 0, tokenization_};
  for (size_t i = 0; i < levels_[0].size(); i++) {
    const Word word = *levels_[0].row(i);
    const uint64_t count = levels_[0].counts[i];
    if (word == kEnd) corpus.sentences = count;
    if (word != kBegin && __builtin_add_overflow(corpus.tokens, count, &corpus.tokens))
      throw std::overflow_error("the counts of all words together exceed 2^64 - 1");
  }
  if (corpus.tokens == corpus.sentences) nothing("word that occurs");
  const Vocabulary vocabulary(vocabulary_.size(), [this](Word word) { return vocabulary_.text(word); });
  std::vector<Part> parts;
  parts.push_back(std::move(part));
  *this = CountsReader(tokenization_);
  return by_frequency(
      std::make_shared<const Table>(make_table(corpus, vocabulary, nodes_of_parts(std::move(parts), corpus.order))),
      workers);
}

// By their words, then by their places.
CountRows CountsReader::sorted(CountRows rows, const Workers& workers) const {
  const auto before = [&](uint64_t a, uint64_t b) {
    const int order = compare(rows.row(a), rows.row(b), rows.order);
    return order ? order < 0 : rows.places[a] < rows.places[b];
  };
  bool ascend = true;
  for (size_t i = 1; i < rows.size() && ascend; i++) ascend = before(i - 1, i);
  if (ascend) return rows;
  // dealt into buckets by their first word, which are sorted in parallel
  std::vector<uint64_t> ends(vocabulary_.size() + 1), dealt(rows.size());
  for (size_t i = 0; i < rows.size(); i++) ends[*rows.row(i) + 1]++;
  std::partial_sum(ends.begin(), ends.end(), ends.begin());
  for (size_t i = 0; i < rows.size(); i++) dealt[ends[*rows.row(i)]++] = i;  // a bucket's begin becomes its end
  constexpr size_t kWords = 64;
  parallel((vocabulary_.size() + kWords - 1) / kWords, workers, [&](size_t piece) {
    for (size_t word = piece * kWords; word < std::min(vocabulary_.size(), (piece + 1) * kWords); word++)
      std::sort(dealt.begin() + (word ? ends[word - 1] : 0), dealt.begin() + ends[word], before);
  });
  CountRows result{rows.order};
  result.words.reserve(rows.words.size()), result.counts.reserve(rows.size()), result.places.reserve(rows.size());
  for (const uint64_t i : dealt) result.add(rows.row(i), rows.counts[i], rows.places[i]);
  return result;
}

// Equal ones become one. files_apart: those of one file are an error.
CountRows CountsReader::added(const CountRows& sorted, bool files_apart) const {
  CountRows sums{sorted.order};
  for (size_t i = 0; i < sorted.size(); i++) {
    if (i == 0 || compare(sorted.row(i - 1), sorted.row(i), sorted.order) != 0) {
      sums.add(sorted.row(i), sorted.counts[i], sorted.places[i]);
      continue;
    }
    if (files_apart && sorted.places[i - 1] >> kLineBits == sorted.places[i] >> kLineBits)
      fail_at(sorted.places[i], "duplicate n-gram " + text_of(sorted.row(i), sorted.order) + ": it is in line " +
                                    std::to_string(sorted.places[i - 1] & ((uint64_t(1) << kLineBits) - 1)) +
                                    " already");
    if (__builtin_add_overflow(sums.counts.back(), sorted.counts[i], &sums.counts.back()))
      fail_at(sorted.places[i], "the counts of " + text_of(sorted.row(i), sorted.order) + " exceed 2^64 - 1");
  }
  return sums;
}

// With the begins and the ends of the longer ones.
CountRows CountsReader::completed(const CountRows& given, const CountRows& longer, const Workers& workers) const {
  const CountRows begins = added(shortened(longer, false), false),
                  ends = added(sorted(shortened(longer, true), workers), false);
  CountRows all{given.order};
  size_t g = 0, b = 0, e = 0;
  const auto is = [&](const CountRows& rows, size_t at, const Word* row) {
    return at < rows.size() && compare(rows.row(at), row, given.order) == 0;
  };
  while (g < given.size() || b < begins.size() || e < ends.size()) {
    const Word* least = nullptr;
    for (const auto& [rows, at] : {std::pair(&given, g), std::pair(&begins, b), std::pair(&ends, e)})
      if (at < rows->size() && (!least || compare(rows->row(at), least, given.order) < 0)) least = rows->row(at);
    const bool in_given = is(given, g, least), in_begins = is(begins, b, least), in_ends = is(ends, e, least);
    const uint64_t begun = in_begins ? begins.counts[b] : 0, ended = in_ends ? ends.counts[e] : 0;
    const uint64_t needed = std::max(begun, ended), count = in_given ? given.counts[g] : needed;
    if (count < needed)
      fail_at(given.places[g], text_of(least, given.order) + " occurs " + std::to_string(count) +
                                   " times, but n-grams of one word more that " + (begun > ended ? "begin" : "end") +
                                   " with it occur " + std::to_string(needed) + " times");
    if (count > 0 || given.order == 1) all.add(least, count, 0);
    g += in_given, b += in_begins, e += in_ends;
  }
  return all;
}

}  // namespace fastlm::ngram
