// ARPA files: what is written is read, however it is cut and sorted; what is wrong is refused; nothing crashes.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "core/ngram/arpa/nodes.h"
#include "core/ngram/arpa/numbers.h"
#include "core/ngram/arpa/reader.h"
#include "core/ngram/arpa/writer.h"
#include "core/ngram/errors.h"

namespace fastlm::ngram::arpa {
namespace {

constexpr size_t kPlenty = 1 << 20;

Model read(std::string_view text, size_t memory = kPlenty, size_t block = 1 << 16,
           std::optional<std::vector<std::string>> vocabulary = {}) {
  Reader reader({.memory = memory}, std::move(vocabulary));
  reader.begin("model");
  for (size_t at = 0; at < text.size(); at += block) reader.add(text.substr(at, block));
  return reader.finish();
}

std::string written(const Model& model) {
  std::string text;
  write(
      model.levels, [&](Word word) { return model.vocabulary->text(word); },
      [&](std::string_view block) { text += block; });
  return text;
}

std::string message(std::string_view text) {
  try {
    read(text);
  } catch (const TextError& error) {
    return error.what();
  }
  return "none";
}

struct Values {
  float probability, backoff;
  bool operator==(const Values&) const = default;
};
using Grams = std::map<std::vector<Word>, Values>;

Grams grams(const Level& level) {
  Grams all;
  std::vector<Word> last;
  for (Cursor at(level); at; at.advance()) {
    const std::vector<Word> words(at.words(), at.words() + level.order);
    EXPECT_TRUE(last.empty() || last < words);
    all[last = words] = {at.probability(), at.backoff()};
  }
  EXPECT_EQ(all.size(), level.size);
  return all;
}

const std::string kSmall =
    "\\data\\\n"
    "ngram 1=5\n"
    "ngram 2=3\n"
    "ngram 3=1\n"
    "\n"
    "\\1-grams:\n"
    "-1\t<unk>\t0\n"
    "0\t<s>\t-0.5\n"
    "-0.75\t</s>\t0\n"
    "-1.5\ta\t-0.25\n"
    "-2e-7\tb\t0.125\n"
    "\n"
    "\\2-grams:\n"
    "-0.5\t<s> a\t-0.1\n"
    "-0.25\ta b\t0\n"
    "-0.125\tb </s>\t0\n"
    "\n"
    "\\3-grams:\n"
    "-0.0625\t<s> a b\n"
    "\n"
    "\\end\\\n";

std::string replaced(std::string_view from, std::string_view to, std::string text = kSmall) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

// A model whose n-grams are complete, in a random order within each section.
std::string random_model(unsigned seed, int order, int words, int sentences) {
  std::mt19937 random(seed);
  std::vector<Grams> levels(order);
  const auto value = [&] { return -float(random() % 100000) / 7777; };
  for (Word word = 0; word < Word(words); word++) levels[0][{word}] = {word == kBegin ? 0 : value(), value()};
  for (int i = 0; i < sentences; i++) {
    std::vector<Word> sentence{kBegin};
    while (sentence.size() < 9) sentence.push_back(kEnd + random() % (words - kEnd));
    for (int n = 2; n <= order; n++)
      for (size_t at = 0; at + n <= sentence.size(); at++)
        levels[n - 1][{sentence.begin() + at, sentence.begin() + at + n}] = {value(), n < order ? value() : 0};
  }
  const auto name = [](Word word) { return word < kSpecial ? kSpecialWords[word] : "w" + std::to_string(word); };
  std::string text = "\\data\\\n";
  for (int n = 1; n <= order; n++)
    text += "ngram " + std::to_string(n) + "=" + std::to_string(levels[n - 1].size()) + "\n";
  for (int n = 1; n <= order; n++) {
    text += "\n\\" + std::to_string(n) + "-grams:\n";
    std::vector<std::string> lines;
    for (const auto& [ngram, values] : levels[n - 1]) {
      std::string line;
      append_float(line, values.probability);
      for (size_t i = 0; i < ngram.size(); i++) line.append(i ? " " : "\t").append(name(ngram[i]));
      if (n < order) append_float(line += "\t", values.backoff);
      lines.push_back(line + "\n");
    }
    if (n > 1) std::shuffle(lines.begin(), lines.end(), random);
    for (const auto& line : lines) text += line;
  }
  return text + "\n\\end\\\n";
}

TEST(ArpaReader, ReadsWhatStandsThere) {
  const Model model = read(kSmall);
  EXPECT_EQ(model.order(), 3);
  EXPECT_EQ(model.vocabulary->text(4), "b");
  EXPECT_EQ(
      grams(model.levels[0]),
      (Grams{{{0}, {-1, 0}}, {{1}, {0, -0.5f}}, {{2}, {-0.75f, 0}}, {{3}, {-1.5f, -0.25f}}, {{4}, {-2e-7f, 0.125f}}}));
  EXPECT_EQ(grams(model.levels[1]), (Grams{{{1, 3}, {-0.5f, -0.1f}}, {{3, 4}, {-0.25f, 0}}, {{4, 2}, {-0.125f, 0}}}));
  EXPECT_EQ(grams(model.levels[2]), (Grams{{{1, 3, 4}, {-0.0625f, 0}}}));
  EXPECT_EQ(model.notes.inserted, (std::vector<uint64_t>{0, 0, 0}));
  EXPECT_EQ(written(model), kSmall);
}

TEST(ArpaReader, CutAnywhere) {
  const std::string text =
      replaced("\tb </s>", "\t\xC3\xA9 </s>",
               replaced("a b\t0", "a \xC3\xA9\t0",
                        replaced("<s> a b", "<s> a \xC3\xA9", replaced("\tb\t0.125", "\t\xC3\xA9\t0.125"))));
  const std::string want = written(read(text));
  for (size_t block = 1; block <= text.size(); block++) EXPECT_EQ(written(read(text, kPlenty, block)), want);
}

TEST(ArpaReader, HoweverLittleMemoryThereIs) {
  for (const int order : {2, 3, 5}) {
    const std::string text = random_model(order, order, 30, 400);
    const Model plenty = read(text);
    const std::string want = written(plenty);
    for (const size_t memory : {0, 5000, 40000}) EXPECT_EQ(written(read(text, memory)), want);
    EXPECT_EQ(written(read(want, 0)), want);
  }
}

TEST(ArpaReader, SoManyRunsThatTheyAreMergedTwice) {
  const std::string text = random_model(1, 2, 400, 3500);
  const Model model = read(text, 0);
  EXPECT_GT(model.levels[1].size, 20000u);  // 64 of them are a run, 256 runs are merged at once
  EXPECT_EQ(written(model), written(read(text, kPlenty << 4)));
}

TEST(ArpaReader, LongNgrams) {
  for (const int order : {9, 32}) {
    std::string text = "\\data\\\n", ngram = "w";
    for (int n = 1; n <= order; n++)
      text += "ngram " + std::to_string(n) + (n == 1 ? "=3\n" : n < order ? "=0\n" : "=1\n");
    text += "\\1-grams:\n-1 <s>\n-1 </s>\n-1 w\n\\" + std::to_string(order) + "-grams:\n-1";
    for (int n = 0; n < order; n++) text += " w";
    const Model model = read(text + "\n\\end\\");
    EXPECT_EQ(model.order(), order);
    for (int n = 2; n <= order; n++) EXPECT_EQ(model.levels[n - 1].size, 1u);
    EXPECT_EQ(model.notes.inserted[order - 2], 1u);
    EXPECT_TRUE(model.notes.unknown_missing);
  }
}

TEST(ArpaReader, WhatOtherToolsWrite) {
  const std::string want = written(read(kSmall));
  std::string windows;
  for (const char c : kSmall) windows.append(c == '\n' ? "\r\n" : std::string(1, c));
  EXPECT_EQ(written(read(windows)), want);
  EXPECT_EQ(written(read("\xEF\xBB\xBF" + kSmall)), want);
  EXPECT_EQ(written(read("\n# a comment\nanother one\n\n" + kSmall)), want);
  EXPECT_EQ(written(read(replaced("ngram 1=5", "ngram  1 =   5"))), want);
  EXPECT_EQ(written(read(replaced("<unk>", "<UNK>"))), want);
  EXPECT_EQ(written(read(replaced("a b\t0\n", "a b\n"))), want);
  EXPECT_EQ(written(read(replaced("-0.5\t<s> a\t-0.1", " -0.5  <s>\ta -0.1 "))), want);
  EXPECT_EQ(written(read(replaced("<s> a b\n", "<s> a b\t0\n"))), want);
  EXPECT_EQ(written(read(replaced("0\t<s>", "-99\t<s>"))), want);
  EXPECT_EQ(written(read(replaced("\\end\\\n", "\\end\\"))), want);
  EXPECT_EQ(written(read(replaced("\\end\\\n", "\\end\\\n\n \n"))), want);
  EXPECT_EQ(written(read(replaced("-0.75\t</s>\t0\n-1.5\ta\t-0.25\n", "-1.5\ta\t-0.25\n-0.75\t</s>\t0\n"))), want);
  EXPECT_EQ(written(read(replaced("-1.5\ta", "-inf\ta"))), replaced("-1.5\ta", "-99\ta"));
  EXPECT_EQ(written(read(replaced("\\3-grams:\n-0.0625\t<s> a b\n", "", replaced("3=1", "3=0")))),
            replaced("-0.0625\t<s> a b\n", "", replaced("3=1", "3=0")));
}

TEST(ArpaReader, NotesWhatItMended) {
  Model model = read(replaced("-1\t<unk>\t0\n", "", replaced("1=5", "1=4")));
  EXPECT_TRUE(model.notes.unknown_missing);
  EXPECT_EQ(grams(model.levels[0]).at({kUnknown}), (Values{-100, 0}));
  model = read(replaced("-1.5\ta", "0.00001\ta"));
  EXPECT_EQ(model.notes.rounded, 1u);
  EXPECT_EQ(grams(model.levels[0]).at({3}).probability, 0);
  model = read(kSmall, kPlenty, 100, std::vector<std::string>{"<unk>", "<s>", "</s>", "z", "b", "a"});
  EXPECT_EQ(model.notes.lacking, 1u);
  EXPECT_EQ(grams(model.levels[0]).at({3}), (Values{-1, 0}));
  EXPECT_EQ(grams(model.levels[1]).at({5, 4}).probability, -0.25f);
}

// Scores stay as they were: what is inserted has the probability of backing off, and no backoff.
TEST(ArpaReader, InsertsWhatIsMissing) {
  const std::string text =
      "\\data\\\nngram 1=5\nngram 2=1\nngram 3=1\nngram 4=2\n\\1-grams:\n-1 <s> -0.5\n-2 </s>\n-3 a -0.25\n-4 b "
      "-0.125\n"
      "-5 <unk>\n\\2-grams:\n-0.5 b a -0.0625\n\\3-grams:\n-0.75 a b a\n\\4-grams:\n-0.5 a b a b\n-0.1 a a a "
      "a\n\\end\\";
  for (const size_t memory : {size_t(0), kPlenty}) {
    const Model model = read(text, memory);
    EXPECT_EQ(model.notes.inserted, (std::vector<uint64_t>{0, 2, 2, 0}));
    const Word a = 3, b = 4;
    // P(b | a) = backoff(a) P(b);  P(b | b a) = backoff(b a) P(b | a);  P(a | a a) = P(a | a), which was not there
    EXPECT_EQ(grams(model.levels[1]),
              (Grams{{{a, a}, {-3.25f, 0}}, {{a, b}, {-4.25f, 0}}, {{b, a}, {-0.5f, -0.0625f}}}));
    EXPECT_EQ(grams(model.levels[2]),
              (Grams{{{a, a, a}, {-3.25f, 0}}, {{a, b, a}, {-0.75f, 0}}, {{b, a, b}, {-4.3125f, 0}}}));
    EXPECT_EQ(grams(model.levels[3]).size(), 2u);
  }
}

TEST(ArpaReader, SaysWhatIsWrongAndWhere) {
  const auto expect = [](const std::string& text, const std::string& want) { EXPECT_EQ(message(text), want); };
  const auto change = [&](std::string_view from, std::string_view to, const std::string& want) {
    expect(replaced(from, to), want);
  };
  expect("", "model:1: expected a line \\data\\, but the file has ended; this is not an ARPA file");
  expect("text\nmore", "model:2: expected a line \\data\\, but the file has ended; this is not an ARPA file");
  expect(std::string("a\nb\0c\n", 6), "model:2: expected a line \\data\\, got 'b?c'; this is not an ARPA file");
  expect("iARPA\n",
         "model:1: expected a line \\data\\, got 'iARPA'; this is a file of IRSTLM's own: compile-lm --text=yes "
         "makes an ARPA file of it");
  change("ngram 1=5\n", "", "model:2: expected the number of 1-grams as 'ngram 1=...', or a section, got 'ngram 2=3'");
  change("ngram 1=5\nngram 2=3\nngram 3=1\n", "",
         "model:3: expected 'ngram 1=...', the number of 1-grams, got '\\1-grams:'");
  change("2=3", "2=x", "model:3: expected the number of 2-grams as 'ngram 2=...', or a section, got 'ngram 2=x'");
  change("2=3", "2=-3", "model:3: expected the number of 2-grams as 'ngram 2=...', or a section, got 'ngram 2=-3'");
  change("2=3", "2=2", "model:16: expected 2 2-grams, as the header says, got more");
  change("2=3", "2=4", "model:18: expected 4 2-grams, as the header says, got 3");
  change("1=5", "1=4", "model:11: expected 4 1-grams, as the header says, got more");
  change("3=1", "3=2", "model:21: expected 2 3-grams, as the header says, got 1");
  change("\\2-grams:", "\\3-grams:", "model:13: expected \\2-grams:, got '\\3-grams:'");
  change("\\3-grams:", "\\end\\", "model:18: expected \\3-grams:, got '\\end\\'");
  change("\\3-grams:", "\\4-grams:", "model:18: expected \\3-grams:, got '\\4-grams:'");
  change("\\3-grams:", "\\x\\", "model:18: expected \\3-grams:, got '\\x\\'");
  change("\\end\\", "\\4-grams:", "model:21: expected \\end\\, got '\\4-grams:'");
  change("\\end\\\n", "\\end\\\nmore\n", "model:22: expected nothing after \\end\\, got 'more'");
  change("\\end\\\n", "\\end\\\nmore", "model:22: expected nothing after \\end\\, got 'more'");
  change("\\end\\\n", "", "model:21: the file is truncated: it ends in \\3-grams: without a line \\end\\");
  expect(kSmall.substr(0, 12), "model:2: the file is truncated: it ends in its header without a line \\end\\");
  change("<s> a\t-0.1\n-0.25\ta b", "<s> a\t-0.1\n-0.25\t<s> a",
         "model:15: duplicate 2-gram '<s> a': it is in line 14 already");
  change("\tb\t", "\ta\t", "model:11: duplicate 1-gram 'a'");
  change("a b\t0", "a c\t0", "model:15: the word 'c' of a 2-gram is not among the 1-grams");
  change("a b\t0", "a\t-0.5", "model:15: the word '-0.5' of a 2-gram is not among the 1-grams");
  change("a b\t0", "a", "model:15: expected a log10 probability, 2 words and perhaps a backoff, got 2 fields");
  change("a b\t0", "a b\t0 0", "model:15: expected nothing after a log10 probability, 2 words and a backoff, got more");
  change("a b\t0", "a b\tx", "model:15: expected a log10 backoff after 2 words, got 'x'");
  change("a b\t0", "a b\tnan", "model:15: expected a log10 backoff after 2 words, got 'nan'");
  change("a b\t0", "a b\tinf", "model:15: expected a log10 backoff after 2 words, got 'inf'");
  change("<s> a b", "<s> a b\t-1", "model:19: expected no backoff, for no n-gram is longer, got '-1'");
  change("-0.25\ta b", "nan\ta b", "model:15: expected a log10 probability, got 'nan'");
  change("-0.25\ta b", "x\ta b", "model:15: expected a log10 probability, got 'x'");
  change("-0.25\ta b", "0.25\ta b", "model:15: expected a log10 probability of at most 0, got '0.25'");
  change("-1.5\ta\t-0.25", "-1.5", "model:10: expected a log10 probability, a word and perhaps a backoff, got '-1.5'");
  change("\ta\t-0.25", "\t\xFF\t-0.25", "model:10: invalid UTF-8 in the word '\xEF\xBF\xBD'");
  change("-0.75\t</s>", "-0.75\tc",
         "model:13: expected </s> among the 1-grams: a sentence cannot be scored without it");
  std::string many = "\\data\\\n";
  for (int n = 1; n <= kMaxOrder + 1; n++) many += "ngram " + std::to_string(n) + "=1\n";
  expect(many, "model:34: the model has n-grams of more than 32 words; that is the limit");
  expect("\\data\\\n" + std::string(2 << 20, 'x'),
         "model:2: a line of more than 1048576 bytes; this is not an ARPA file");
}

TEST(ArpaReader, DuplicatesAcrossRunsHaveTheirLines) {
  std::string text = random_model(1, 3, 20, 200);
  const size_t first = text.find("\\2-grams:\n") + 10, end = text.find('\n', first);
  const std::string line = text.substr(first, end + 1 - first);
  const size_t section = text.find("\n\n\\3-grams") + 1, last = text.rfind('\n', section - 2) + 1;
  text.replace(last, section - last, line);
  for (const size_t memory : {size_t(0), kPlenty}) {
    std::string what;
    try {
      read(text, memory);
    } catch (const TextError& error) {
      what = error.what();
    }
    EXPECT_NE(what.find("duplicate 2-gram"), std::string::npos) << what;
    const auto lines = 1 + std::count(text.begin(), text.begin() + first, '\n');
    EXPECT_NE(what.find("in line " + std::to_string(lines) + " already"), std::string::npos) << what;
    EXPECT_EQ(what.find("model:" + std::to_string(1 + std::count(text.begin(), text.begin() + last, '\n'))), 0u)
        << what;
  }
}

TEST(ArpaReader, IsUsedOnce) {
  Reader reader{SortOptions{}};
  EXPECT_THROW(reader.finish(), std::invalid_argument);
  EXPECT_THROW(reader.add(kSmall), std::invalid_argument);
  reader.begin("model");
  EXPECT_THROW(reader.begin("another"), std::invalid_argument);
  reader.add(kSmall);
  reader.finish();
  EXPECT_THROW(reader.finish(), std::invalid_argument);
  Reader failed{SortOptions{}};
  failed.begin("model");
  EXPECT_THROW(failed.add(replaced("\\3-grams:", "\\x")), TextError);
  EXPECT_THROW(failed.add("-0.25\ta b\n"), std::invalid_argument);
  EXPECT_THROW(failed.finish(), std::invalid_argument);
  using Words = std::vector<std::string>;
  EXPECT_THROW(Reader({}, Words{"a"}), std::invalid_argument);
  EXPECT_THROW(Reader({}, Words{"<unk>", "<s>", "</s>", "a", "a"}), std::invalid_argument);
  EXPECT_THROW(read(kSmall, kPlenty, 100, Words{"<unk>", "<s>", "</s>", "a"}), TextError);
}

TEST(ArpaReader, CanBeInterrupted) {
  const std::string text = random_model(1, 3, 20, 200);
  int polls = 0, last = 0;
  for (bool ended = false; !ended; last++) {
    polls = 0;
    Reader reader({.memory = 0, .poll = [&] {
                     if (polls++ == last) throw std::runtime_error("interrupted");
                   }});
    reader.begin("model");
    try {
      reader.add(text);
      EXPECT_EQ(reader.finish().order(), 3);
      ended = true;
    } catch (const std::runtime_error&) {
    }
  }
  EXPECT_GT(last, 10);
}

TEST(ArpaNodes, AreATrie) {
  const Model model = read(random_model(3, 4, 12, 150), 1000);
  for (int n = 1; n <= 4; n++) {
    const auto source = open_nodes(model.levels, n);
    uint64_t children = 0;
    Cursor at(model.levels[n - 1]);
    for (auto block = source->next(); !block.empty(); block = source->next())
      for (const Node& node : block) {
        EXPECT_EQ(node.word, at.words()[n - 1]);
        EXPECT_EQ(node.probability, at.probability());
        EXPECT_EQ(node.backoff, at.backoff());
        children += node.children;
        at.advance();
      }
    EXPECT_FALSE(at);
    EXPECT_EQ(children, n < 4 ? model.levels[n].size : 0);
  }
  Levels broken = model.levels;
  broken[1] = read("\\data\\\nngram 1=3\nngram 2=0\n\\1-grams:\n-1 <unk>\n-1 <s>\n-1 </s>\n\\end\\").levels[1];
  EXPECT_THROW(open_nodes(broken, 2)->next(), std::invalid_argument);
}

// Whatever stands in a file: a model that can be written and read again, or a TextError.
TEST(ArpaReader, AlteredFilesNeverCrash) {
  const std::string whole = random_model(2, 3, 8, 6);
  std::mt19937 random(5);
  const std::string_view pieces[] = {"\\",
                                     "\n",
                                     "\t",
                                     " ",
                                     "-",
                                     "1e9",
                                     "<s>",
                                     "\\end\\",
                                     "\\2-grams:\n",
                                     "ngram 2=",
                                     "\xFF",
                                     "0",
                                     "w3",
                                     ".",
                                     std::string_view("\0", 1),
                                     "inf",
                                     "9999999999999999999"};
  int good = 0;
  for (int trial = 0; trial < 4000; trial++) {
    std::string text = whole;
    for (unsigned edits = 1 + random() % 3; edits > 0; edits--) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = char(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 9);
          break;
        case 2:
          text.insert(at, pieces[random() % std::size(pieces)]);
          break;
        default:
          text.insert(at, text, random() % text.size(), 1 + random() % 40);
      }
    }
    try {
      const std::string once = written(read(text, random() % 2 ? kPlenty : 0, 1 + random() % 200));
      EXPECT_EQ(written(read(once)), once);
      good++;
    } catch (const TextError&) {
    }
  }
  EXPECT_GT(good, 100);
}

}  // namespace
}  // namespace fastlm::ngram::arpa
