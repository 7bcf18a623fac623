// From bytes to words: hashing, UTF-8, the vocabulary, sentences in blocks.
#include <gtest/gtest.h>

#include "core/ngram/text_reader.h"
#include "core/ngram/vocabulary.h"
#include "core/ngram/xxh64.h"

namespace fastlm::ngram {
namespace {

TEST(Xxh64, KnownAnswers) {  // of the reference implementation
  EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxh64("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(xxh64("abc"), 0x44BC2CF5AD770999u);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Utf8, WhatIsACharacter) {
  for (const char* good : {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xED\x9F\xBF", "\xF4\x8F\xBF\xBF"}) {
    EXPECT_EQ(find_invalid_utf8(good), std::string::npos) << good;
    EXPECT_EQ(utf8_character(good), std::string_view(good).size());
  }
  // a lone continuation, overlong forms, a surrogate, beyond U+10FFFF, cut short
  for (const char* bad : {"\x80", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5", "\xE2\x82"})
    EXPECT_EQ(find_invalid_utf8(bad), 0u) << bad;
}

TEST(Utf8, RepairsByMaximalPieces) {  // as bytes.decode(errors="replace") of Python
  EXPECT_EQ(repair_utf8("a\xE2\x82z\xFFz", InvalidUtf8::kReplace), "a\xEF\xBF\xBDz\xEF\xBF\xBDz");
  EXPECT_EQ(repair_utf8("a\xE2\x82z\xFFz", InvalidUtf8::kIgnore), "azz");
  EXPECT_EQ(repair_utf8("\xED\xA0\x80", InvalidUtf8::kReplace), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(Vocabulary, FindsWhatWasAdded) {
  GrowingVocabulary growing;
  for (int i = 0; i < 1000; i++) EXPECT_EQ(growing.add("w" + std::to_string(i)), kSpecial + i);
  EXPECT_EQ(growing.add("w7"), kSpecial + 7);
  EXPECT_EQ(growing.find("none"), std::nullopt);
  const Vocabulary fixed(growing.size(), [&](Word word) { return growing.text(word); });
  EXPECT_EQ(fixed.fault(), std::nullopt);
  for (Word word = 0; word < fixed.size(); word++) {
    EXPECT_EQ(fixed.text(word), growing.text(word));
    EXPECT_EQ(fixed.find(growing.text(word)), word);
  }
  EXPECT_EQ(fixed.find("none"), kUnknown);
}

struct Written {  // what a reader has said, as a text
  std::string text;
  void begin_sentence() { text += "["; }
  void word(std::string_view word) { text.append(word).append(","); }
  void end_sentence() { text += "]"; }
};

std::string read(std::string_view text, size_t block, InvalidUtf8 policy = InvalidUtf8::kStrict) {
  Written written;
  TextReader reader(policy);
  reader.begin("text");
  for (size_t at = 0; at < text.size(); at += block) reader.add(text.substr(at, block), written);
  reader.end(written);
  return written.text;
}

TEST(TextReader, SentencesAndWordsHoweverTheTextIsCut) {
  const std::string_view text = "one two\n\n  three\t\r\xC3\xA9t\xC3\xA9 \n<unk> four";
  for (size_t block = 1; block <= text.size(); block++)
    EXPECT_EQ(read(text, block), "[one,two,][][three,\xC3\xA9t\xC3\xA9,][<unk>,four,]") << block;
}

TEST(TextReader, SaysWhereATextIsNotOne) {
  const auto message = [](std::string_view text, InvalidUtf8 policy = InvalidUtf8::kStrict) -> std::string {
    try {
      read(text, 3, policy);
    } catch (const TextError& error) {
      return error.what();
    }
    return "none";
  };
  EXPECT_EQ(message({"a\nb\0c", 5}), "text:2: byte 0: this is not a text");
  EXPECT_EQ(message("a\n\nb <s> c"), "text:3: '<s>' stands in the text; it is reserved for the bounds of a sentence");
  EXPECT_NE(message("a\n\xFF").find("text:2: invalid UTF-8: byte 255"), std::string::npos);
  EXPECT_EQ(message("a\n\xFF", InvalidUtf8::kReplace), "none");
  EXPECT_EQ(read("a \xFF b", 2, InvalidUtf8::kIgnore), "[a,b,]");
}

TEST(TextReader, ReservedWordsAreWhatOneWants) {
  const auto read = [](Reserved reserved) {
    Written written;
    TextReader reader(InvalidUtf8::kStrict, reserved);
    reader.add("<s> a <unk> <s>a\n</s>", written);
    reader.end(written);
    return written.text;
  };
  EXPECT_EQ(read(Reserved::kSkip), "[a,<s>a,][]");
  EXPECT_EQ(read(Reserved::kUnknown), "[<unk>,a,<unk>,<s>a,][<unk>,]");
  EXPECT_THROW(read(Reserved::kError), TextError);
}

TEST(TextReader, GoesOnWhereAnotherOneWas) {
  const std::string_view text = "one two\n\nthree <s>";
  for (size_t cut = 0; cut < text.size(); cut++) {
    Written written;
    TextReader first(InvalidUtf8::kStrict, Reserved::kSkip), second(InvalidUtf8::kStrict, Reserved::kSkip);
    first.begin("text");
    first.add(text.substr(0, cut), written);
    second.restore(first.state());
    second.add(text.substr(cut), written);
    second.end(written);
    EXPECT_EQ(written.text, "[one,two,][][three,]") << cut;
    EXPECT_EQ(second.state().line, 4u);
  }
}

}  // namespace
}  // namespace fastlm::ngram
