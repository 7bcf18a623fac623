#include "reader.h"

#include <cmath>
#include <limits>

#include "../errors.h"
#include "complete.h"
#include "numbers.h"
#include "unigrams.h"

namespace fastlm::ngram::arpa {
namespace {

constexpr size_t kLongestLine = 1 << 20;  // bytes
constexpr size_t kLongestHead = 1 << 20;  // bytes before \data\.
constexpr float kRounding = 1e-4f;        // a log10 probability so little above 0 is 0
constexpr float kNotSeen = std::numeric_limits<float>::quiet_NaN();
constexpr std::string_view kData = "\\data\\", kEndMark = "\\end\\", kCapitalUnknown = "<UNK>",
                           kByteOrderMark = "\xEF\xBB\xBF";

size_t count_fields(std::string_view line) {
  size_t fields = 0;
  while (!next_field(line).empty()) fields++;
  return fields;
}

std::string grams(uint64_t n) { return std::to_string(n) + "-grams"; }
std::string section_name(uint64_t n) { return std::string("\\").append(grams(n)).append(":"); }

// What a file is that has no header.
std::string hint(std::string_view line) {
  if (line.starts_with("iARPA") || line.starts_with("blmt"))
    return "; this is a file of IRSTLM's own: compile-lm --text=yes makes an ARPA file of it";
  if (line.starts_with("mmap lm http")) return "; this is a binary file of KenLM, which ARPA files are made into";
  if (line.starts_with("fastlm n-grams")) return "; this is a file of fastlm's own";
  return "";
}

}  // namespace

Reader::Reader(SortOptions options, std::optional<std::vector<std::string>> vocabulary)
    : options_(std::move(options)),
      memory_(std::make_unique<Memory>(options_.memory)),
      fixed_(vocabulary.has_value()),
      vocabulary_(std::make_shared<GrowingVocabulary>()) {
  if (!vocabulary) return;
  for (const std::string& word : *vocabulary) vocabulary_->add(word);
  const bool special =
      vocabulary->size() >= kSpecial && std::equal(kSpecialWords, kSpecialWords + kSpecial, vocabulary->begin());
  if (!special || vocabulary_->size() != vocabulary->size())
    throw std::invalid_argument("expected a vocabulary of different words that begins with <unk>, <s>, </s>");
}

void Reader::fail_at(uint64_t line, const std::string& what) const {
  throw TextError(source_ + ":" + std::to_string(line) + ": " + what);
}

void Reader::begin(std::string source) {
  if (part_ != Part::kNone)
    throw std::invalid_argument("an ARPA model is one file and a reader reads one; another one came: " + source);
  source_ = std::move(source), lines_.begin(), part_ = Part::kHeader;
}

// After an error nothing that comes makes sense.
auto Reader::guarded(auto&& work) {
  if (part_ == Part::kNone || part_ == Part::kDone)
    throw std::invalid_argument("expected an ARPA file that has begun, and neither ended nor failed");
  try {
    return work();
  } catch (...) {
    part_ = Part::kDone;
    throw;
  }
}

void Reader::add(std::string_view block) {
  guarded([&] { add_lines(block); });
}

Model Reader::finish() {
  return guarded([&] { return finish_lines(); });
}

void Reader::add_lines(std::string_view block) {
  lines_.add(block, [this](std::string_view text) { line(text); }, [this](size_t bytes) { check_size(bytes); });
}

void Reader::check_size(size_t bytes) const {
  if (bytes > kLongestLine)
    fail("a line of more than " + std::to_string(kLongestLine) + " bytes; this is not an ARPA file");
}

Model Reader::finish_lines() {
  if (part_ == Part::kHeader) header(trimmed(lines_.partial()));
  if (part_ == Part::kHeader) fail("expected a line \\data\\, but the file has ended; this is not an ARPA file");
  if (part_ == Part::kEnded || trimmed(lines_.partial()) == kEndMark) line(lines_.partial());  // without a line end
  if (part_ != Part::kEnded)
    fail("the file is truncated: it ends in " + (part_ == Part::kCounts ? "its header" : section_name(order_)) +
         " without a line \\end\\");
  part_ = Part::kDone;
  table_.reset();
  Model model{vocabulary_, {}, {}};
  model.levels = complete(std::move(levels_), vocabulary_->size(), *memory_, options_, notes_.inserted);
  model.notes = std::move(notes_);
  return model;
}

void Reader::line(std::string_view text) {
  if (part_ == Part::kHeader) return header(trimmed(text));
  if (part_ == Part::kSection && !text.empty() && text[0] != '\\') {
    size_t at = 0;
    while (at < text.size() && is_blank(text[at])) at++;
    if (at == text.size()) return;
    return order_ == 1 ? unigram(text) : ngram(text);
  }
  text = trimmed(text);
  if (text.empty()) return;
  if (part_ == Part::kEnded) fail("expected nothing after \\end\\, got " + shown(text));
  if (text[0] == '\\') return marker(text);
  count(text);
}

// Part by part

void Reader::header(std::string_view text) {
  if (lines_.number() == 1 && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text == kData) {
    part_ = Part::kCounts;
    return;
  }
  const bool binary = text.find('\0') != std::string_view::npos;
  head_ += text.size() + 1;
  if (const std::string known = hint(text); binary || !known.empty() || head_ > kLongestHead)
    fail("expected a line \\data\\, got " + shown(text) + (known.empty() ? "; this is not an ARPA file" : known));
}

void Reader::count(std::string_view text) {
  std::string_view rest = text;
  const std::string next = std::to_string(counts_.size() + 1);
  const size_t equals = text.find('=');
  if (next_field(rest) == "ngram" && equals != std::string_view::npos && rest.find('=') != std::string_view::npos) {
    const auto order = parse_whole(trimmed(rest.substr(0, rest.find('=')))),
               number = parse_whole(trimmed(text.substr(equals + 1)));
    if (order == counts_.size() + 1 && number) {
      if (counts_.size() == size_t(kMaxOrder))
        fail("the model has n-grams of more than " + std::to_string(kMaxOrder) + " words; that is the limit");
      counts_.push_back(*number);
      return;
    }
  }
  fail("expected the number of " + grams(counts_.size() + 1) + " as 'ngram " + next + "=...', or a section, got " +
       shown(text));
}

void Reader::marker(std::string_view text) {
  if (counts_.empty()) fail("expected 'ngram 1=...', the number of 1-grams, got " + shown(text));
  const size_t dash = text.find('-');
  const auto order = text.ends_with("-grams:") && dash != std::string_view::npos ? parse_whole(text.substr(1, dash - 1))
                                                                                 : std::nullopt;
  const bool is_end = text == kEndMark;
  const int next = is_end ? int(counts_.size()) + 1 : int(std::min<uint64_t>(order.value_or(0), kMaxOrder + 1));
  if (order_ > 0) end_section();
  while (order_ + 1 < next && order_ < int(counts_.size()) && counts_[order_] == 0)
    begin_section(order_ + 1), end_section();
  if (next != order_ + 1 || (!is_end && next > int(counts_.size())))
    fail("expected " + (order_ < int(counts_.size()) ? section_name(order_ + 1) : std::string(kEndMark)) + ", got " +
         shown(text));
  if (is_end)
    part_ = Part::kEnded;
  else
    begin_section(next);
}

void Reader::begin_section(int order) {
  part_ = Part::kSection, order_ = order, seen_ = 0, section_line_ = lines_.number();
  if (order == 1) {
    probabilities_.assign(vocabulary_->size(), kNotSeen), backoffs_.assign(vocabulary_->size(), 0);
    return;
  }
  sorter_ =
      Sorter::make(order, vocabulary_->size(), counts_[order - 1], *memory_, 1, options_,
                   [this](const Sorter::Item& first, const Sorter::Item& second) {
                     std::string text;
                     for (int i = 0; i < order_; i++)
                       text.append(i ? " " : "").append(vocabulary_->text(first.words[i]));
                     const auto place = [&](uint32_t line) {
                       return line == kMaxWord ? "beyond line 2^32" : "line " + std::to_string(section_line_ + line);
                     };
                     fail_at(second.line == kMaxWord ? lines_.number() : section_line_ + second.line,
                             "duplicate " + std::to_string(order_) + "-gram " + shown(text) + ": it is in " +
                                 place(first.line) + " already");
                   });
}

void Reader::end_section() {
  if (seen_ != counts_[order_ - 1])
    fail("expected " + std::to_string(counts_[order_ - 1]) + " " + grams(order_) + ", as the header says, got " +
         std::to_string(seen_));
  if (order_ == 1) return end_unigrams();
  levels_.push_back(sorter_->finish());
  sorter_.reset();
}

void Reader::end_unigrams() {
  for (const Word word : {kBegin, kEnd})
    if (std::isnan(probabilities_[word]))
      fail(std::string("expected ") + kSpecialWords[word] +
           " among the 1-grams: a sentence cannot be scored without it");
  notes_.unknown_missing = std::isnan(probabilities_[kUnknown]);
  if (notes_.unknown_missing) probabilities_[kUnknown] = Notes::kMissing;
  for (float& probability : probabilities_)
    if (std::isnan(probability)) probability = probabilities_[kUnknown], notes_.lacking++;
  table_.emplace(*vocabulary_);
  levels_.push_back(unigrams_of(std::move(probabilities_), std::move(backoffs_)));
}

// One n-gram

void Reader::unigram(std::string_view text) {
  std::string_view rest = text;
  const std::string_view first = next_field(rest);
  std::string_view name = next_field(rest);
  if (name.empty()) fail("expected a log10 probability, a word and perhaps a backoff, got " + shown(text));
  if (++seen_ > counts_[0]) fail("expected " + std::to_string(counts_[0]) + " 1-grams, as the header says, got more");
  if (name == kCapitalUnknown) name = kSpecialWords[kUnknown];
  if (find_invalid_utf8(name) != std::string_view::npos) fail("invalid UTF-8 in the word " + shown(name));
  if (name.find('\0') != std::string_view::npos) fail("byte 0 in the word " + shown(name) + ": this is not a text");
  if (fixed_ && !vocabulary_->find(name)) fail("expected words of the given vocabulary, got " + shown(name));
  const Word word = vocabulary_->add(name);
  if (word == probabilities_.size()) probabilities_.push_back(kNotSeen), backoffs_.push_back(0);
  if (!std::isnan(probabilities_[word])) fail("duplicate 1-gram " + shown(name));
  probabilities_[word] = probability(first, word);
  backoffs_[word] = backoff(rest);
}

void Reader::ngram(std::string_view text) {
  std::string_view rest = text;
  const std::string_view first = next_field(rest);
  for (int i = 0; i < order_; i++) {
    const std::string_view name = next_field(rest);
    if (name.empty())
      fail("expected a log10 probability, " + std::to_string(order_) + " words and perhaps a backoff, got " +
           std::to_string(count_fields(text)) + " fields");
    words_[i] = find(name, i);
  }
  if (++seen_ > counts_[order_ - 1])
    fail("expected " + std::to_string(counts_[order_ - 1]) + " " + grams(order_) + ", as the header says, got more");
  const float found = probability(first, words_[order_ - 1]);
  sorter_->add(
      {words_.data(), found, backoff(rest), uint32_t(std::min<uint64_t>(kMaxWord, lines_.number() - section_line_))});
}

float Reader::probability(std::string_view field, Word word) {
  const auto number = parse_float(field);
  if (!number) fail("expected a log10 probability, got " + shown(field));
  if (*number <= 0) return *number;
  if (*number > kRounding && !(word == kBegin && order_ == 1 && std::isfinite(*number)))
    fail("expected a log10 probability of at most 0, got " + shown(field));
  notes_.rounded++;
  return 0;
}

// What follows the words of an n-gram.
float Reader::backoff(std::string_view rest) {
  const std::string_view field = next_field(rest);
  if (field.empty()) return 0;
  const auto number = parse_float(field);
  if (!number || *number == std::numeric_limits<float>::infinity())
    fail("expected a log10 backoff after " + std::to_string(order_) + " words, got " + shown(field));
  if (order_ == int(counts_.size()) && *number != 0)
    fail("expected no backoff, for no n-gram is longer, got " + shown(field));
  if (!next_field(rest).empty())
    fail("expected nothing after a log10 probability, " + std::to_string(order_) + " words and a backoff, got more");
  return *number;
}

Word Reader::find(std::string_view word, int position) {
  if (vocabulary_->text(words_[position]) == word) return words_[position];  // often as in the n-gram before
  if (const auto found = table_->find(word)) return *found;
  if (word == kCapitalUnknown) return kUnknown;
  fail("the word " + shown(word) + " of a " + std::to_string(order_) + "-gram is not among the 1-grams");
}

}  // namespace fastlm::ngram::arpa
