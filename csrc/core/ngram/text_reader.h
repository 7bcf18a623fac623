// Sentences and words of a text that comes in blocks, cut anywhere.
//
// A line is a sentence, an empty one too (as in KenLM). Words stand between ASCII white space. What is not text is an
// error with file and line: a NUL byte, invalid UTF-8 unless the policy repairs it, <s> and </s> as words.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "errors.h"
#include "utf8.h"
#include "word.h"

namespace fastlm::ngram {

class TextReader {
 public:
  explicit TextReader(InvalidUtf8 policy) : policy_(policy) {}

  // A new text, from its line 1. The one before must have been ended.
  void begin(std::string source) { source_ = std::move(source), line_ = 1; }

  // Sink: begin_sentence(), word(std::string_view), end_sentence().
  template <class Sink>
  void add(std::string_view block, Sink& sink) {
    const char *p = block.data(), *const end = p + block.size();
    while (p < end) {
      const char* const start = p;
      uint8_t all = 0;  // its highest bit: not ASCII alone
      while (p < end && kKinds[uint8_t(*p)] == kLetter) all |= uint8_t(*p++);
      if (p > start || !partial_.empty()) {
        if (p == end || !partial_.empty()) partial_.append(start, p);
        if (p == end) return;  // the word may go on in the next block
        if (partial_.empty())
          word({start, size_t(p - start)}, all >= 0x80, sink);
        else
          end_partial(sink);
      }
      const uint8_t kind = kKinds[uint8_t(*p++)];
      if (kind == kLineEnd)
        end_line(sink);
      else if (kind == kNul)
        fail("byte 0: this is not a text");
    }
  }

  // The last line may lack its end.
  template <class Sink>
  void end(Sink& sink) {
    end_partial(sink);
    if (in_line_) end_line(sink);
  }

 private:
  enum Kind : uint8_t { kLetter, kSpace, kLineEnd, kNul };
  static constexpr std::array<Kind, 256> kKinds = [] {
    std::array<Kind, 256> kinds{};
    for (char space : {' ', '\t', '\r', '\v', '\f'}) kinds[uint8_t(space)] = kSpace;
    kinds['\n'] = kLineEnd, kinds[0] = kNul;
    return kinds;
  }();

  [[noreturn]] void fail(const std::string& what) const {
    throw TextError(source_ + ":" + std::to_string(line_) + ": " + what);
  }

  template <class Sink>
  void start_line(Sink& sink) {
    if (!in_line_) sink.begin_sentence();
    in_line_ = true;
  }

  template <class Sink>
  void end_line(Sink& sink) {
    start_line(sink);
    sink.end_sentence();
    in_line_ = false;
    line_++;
  }

  template <class Sink>
  void end_partial(Sink& sink) {
    if (partial_.empty()) return;
    word(partial_, true, sink);
    partial_.clear();
  }

  template <class Sink>
  void word(std::string_view text, bool may_be_invalid, Sink& sink) {
    start_line(sink);
    std::string repaired;
    if (may_be_invalid) {
      if (const size_t at = find_invalid_utf8(text); at != std::string_view::npos) {
        if (policy_ == InvalidUtf8::kStrict)
          fail("invalid UTF-8: byte " + std::to_string(uint8_t(text[at])) +
               " in a word; errors='replace' or 'ignore' would accept it");
        text = repaired = repair_utf8(text, policy_);
        if (text.empty()) return;
      }
    }
    if (text[0] == '<' && (text == kSpecialWords[kBegin] || text == kSpecialWords[kEnd]))
      fail(std::string("'").append(text).append("' stands in the text; it is reserved for the bounds of a sentence"));
    sink.word(text);
  }

  InvalidUtf8 policy_;
  std::string source_;
  uint64_t line_ = 1;
  bool in_line_ = false;
  std::string partial_;  // the head of a word whose block has ended
};

}  // namespace fastlm::ngram
