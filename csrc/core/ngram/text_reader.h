// Sentences and words of a text that comes in blocks, cut anywhere.
//
// A line is a sentence, an empty one too (as in KenLM). Words stand between ASCII white space. What is not text is an
// error with file and line: a NUL byte, invalid UTF-8 unless the policy repairs it, <s> and </s> as words unless they
// are allowed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "errors.h"
#include "utf8.h"
#include "word.h"

namespace fastlm::ngram {

// What <unk>, <s> and </s> are as words of a text: <unk> an unknown word and the others an error; white space; all of
// them unknown words.
enum class Reserved { kError, kSkip, kUnknown };

inline Reserved reserved_policy(std::string_view name) {
  if (name == "error") return Reserved::kError;
  if (name == "skip") return Reserved::kSkip;
  if (name == "unknown") return Reserved::kUnknown;
  throw std::invalid_argument("reserved must be 'error', 'skip' or 'unknown', got '" + std::string(name) + "'");
}

class TextReader {
 public:
  // Where it is in a text, to go on from there later.
  struct State {
    std::string source;
    uint64_t line = 1;
    bool in_line = false;
    std::string partial;  // the head of a word whose block has ended
  };

  // reserved: nothing: an error, which does not name what else there is.
  explicit TextReader(InvalidUtf8 policy, std::optional<Reserved> reserved = {})
      : policy_(policy), reserved_(reserved) {}

  const State& state() const { return at_; }
  void restore(State state) { at_ = std::move(state); }

  // A new text, from its line 1. The one before must have been ended.
  void begin(std::string source) { at_.source = std::move(source), at_.line = 1; }

  // Sink: begin_sentence(), word(std::string_view), end_sentence().
  template <class Sink>
  void add(std::string_view block, Sink& sink) {
    const char *p = block.data(), *const end = p + block.size();
    while (p < end) {
      const char* const start = p;
      uint8_t all = 0;  // its highest bit: not ASCII alone
      while (p < end && kKinds[uint8_t(*p)] == kLetter) all |= uint8_t(*p++);
      if (p > start || !at_.partial.empty()) {
        if (p == end || !at_.partial.empty()) at_.partial.append(start, p);
        if (p == end) return;  // the word may go on in the next block
        if (at_.partial.empty())
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
    if (at_.in_line) end_line(sink);
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
    throw TextError(at_.source + ":" + std::to_string(at_.line) + ": " + what);
  }

  template <class Sink>
  void start_line(Sink& sink) {
    if (!at_.in_line) sink.begin_sentence();
    at_.in_line = true;
  }

  template <class Sink>
  void end_line(Sink& sink) {
    start_line(sink);
    sink.end_sentence();
    at_.in_line = false;
    at_.line++;
  }

  template <class Sink>
  void end_partial(Sink& sink) {
    if (at_.partial.empty()) return;
    word(at_.partial, true, sink);
    at_.partial.clear();
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
    if (text[0] == '<')
      for (const std::string_view special : kSpecialWords)
        if (text == special) return reserved(special, sink);
    sink.word(text);
  }

  template <class Sink>
  void reserved(std::string_view text, Sink& sink) {
    const Reserved policy = reserved_.value_or(Reserved::kError);
    if (policy == Reserved::kSkip) return;
    if (policy == Reserved::kError && text != kSpecialWords[kUnknown])
      fail(std::string("'").append(text) + "' stands in the text; it is reserved for the bounds of a sentence" +
           (reserved_ ? "; reserved='skip' would take it as white space, 'unknown' as <unk>" : ""));
    sink.word(kSpecialWords[kUnknown]);
  }

  InvalidUtf8 policy_;
  std::optional<Reserved> reserved_;
  State at_;
};

}  // namespace fastlm::ngram
