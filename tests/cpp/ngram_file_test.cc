// Files: what was saved is loaded; what was altered is refused; nothing that is loaded crashes.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <set>

#include "core/ngram/errors.h"
#include "core/ngram/file.h"
#include "core/ngram/storage.h"
#include "ngram_sample.h"

namespace fastlm::ngram {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("fastlm-test-" + std::to_string(::getpid()));
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return folder_ / name; }

  static std::string bytes_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }

  fs::path folder_;
};

Model sample_model() { return make_model(table_of(random_text(40, 9, 1), {.order = 3}), {"backoff"}); }

// Every answer that a model gives, so that a bad one would be noticed.
std::vector<float> answers(const Model& model) {
  std::vector<float> all, probabilities(model.table().vocabulary().size());
  for (Word a = 0; a < probabilities.size(); a++)
    for (Word b = 0; b < probabilities.size(); b++) {
      model.distribution(model.state_after(std::vector<Word>{a, b}), probabilities);
      all.insert(all.end(), probabilities.begin(), probabilities.end());
    }
  return all;
}

TEST_F(Files, LoadsWhatWasSaved) {
  const Model model = sample_model();
  for (const bool verify : {true, false}) {
    save(model, path("model"));
    const Model loaded = std::get<Model>(load(path("model"), verify));
    EXPECT_EQ(answers(loaded), answers(model));
    EXPECT_EQ(loaded.smoothing(), "backoff");
    EXPECT_EQ(loaded.parameters(), model.parameters());
    EXPECT_EQ(loaded.table().corpus().tokens, model.table().corpus().tokens);
    EXPECT_EQ(loaded.table().vocabulary().text(3), model.table().vocabulary().text(3));
  }
  save(model.table(), path("table"));
  EXPECT_EQ(std::get<Table>(load(path("table"), true)).distinct(3), model.table().distinct(3));
}

TEST_F(Files, RefusesATruncatedFile) {
  save(sample_model(), path("model"));
  const std::string whole = bytes_of(path("model"));
  for (size_t size = 0; size < whole.size(); size += 1 + size / 7) {
    write(path("cut"), whole.substr(0, size));
    EXPECT_THROW(load(path("cut"), true), FormatError) << size;
    EXPECT_THROW(load(path("cut"), false), FormatError) << size;
  }
}

TEST_F(Files, RefusesAnAlteredFile) {
  const Model model = sample_model();
  save(model, path("model"));
  const std::string whole = bytes_of(path("model"));
  std::mt19937 random(1);
  int refused = 0;
  for (int trial = 0; trial < 500; trial++) {
    std::string altered = whole;
    altered[random() % whole.size()] ^= char(1 << random() % 8);
    write(path("altered"), altered);
    try {  // between the arrays there is room that nobody reads
      EXPECT_EQ(answers(std::get<Model>(load(path("altered"), true))), answers(model));
    } catch (const FormatError&) {
      refused++;
    }
  }
  EXPECT_GT(refused, 300);
}

// Checksums are no help against who writes them anew: the structure is checked too.
TEST_F(Files, RefusesWrongArraysUnderRightChecksums) {
  save(sample_model(), path("model"));
  const Sections good = map_file(path("model"), true);
  const auto refuses = [&](const std::string& name, const Array& array) {
    Sections bad = good;
    bad[name] = array;
    write_file(path("bad"), bad);
    EXPECT_THROW(load(path("bad"), true), FormatError) << name;
  };
  const std::set<std::string> free = {"absent", "rules", "smoothing"};  // of which any is good
  for (const auto& [name, array] : good) {
    if (free.contains(name) || name.starts_with("parameter.") || name.starts_with("discounts.")) continue;
    refuses(name, packed(std::vector<uint64_t>(array.size() + 100, 1)));
    if (name.starts_with("large")) continue;  // empty
    Sections less = good;
    less.erase(name);
    write_file(path("bad"), less);
    EXPECT_THROW(load(path("bad"), true), FormatError) << "without " << name;
  }
  std::vector<float> numbers(good.at("unigrams").size(), 0.1f);
  numbers[1] = std::nanf("");
  refuses("unigrams", array_of(numbers));
}

// Whatever the bits of the records are, a file that was found good gives answers.
TEST_F(Files, AnyRecordsAreSafe) {
  const Table table = table_of(random_text(400, 30, 1), {.order = 3});
  for (const Layout layout : {Layout::kFast, Layout::kCompact}) {
    save(make_model(table, {.smoothing = "kneser-ney", .choices = {{"discount", {0.5}}}, .layout = layout}),
         path("model"));
    const Sections good = map_file(path("model"), true);
    std::mt19937 random(1);
    int refused = 0;
    for (int trial = 0; trial < 400; trial++) {
      Sections bad = good;
      auto& array = std::next(bad.begin(), random() % bad.size())->second;
      if (array.size() == 0) continue;
      std::string bytes(reinterpret_cast<const char*>(array.data()), array.bytes());
      bytes[random() % bytes.size()] ^= char(1 << random() % 8);
      const auto altered = std::make_shared<Array>(array_of(bytes.data(), bytes.size()));
      array = Array(altered, altered->data(), array.size(), array.width());
      write_file(path("bad"), bad);
      try {
        answers(std::get<Model>(load(path("bad"), true)));
      } catch (const FormatError&) {
        refused++;
      }
    }
    EXPECT_GT(refused, 100);
  }
}

TEST_F(Files, KeepsTheOldFileWhenSavingFails) {
  const Model model = sample_model();
  EXPECT_THROW(save(model, path("no-folder/model")), FileError);
  EXPECT_THROW(save(model, folder_), FileError);
  EXPECT_THROW(load(path("nothing"), true), FileError);
  EXPECT_THROW(load(folder_, true), FileError);
  write(path("text"), std::string(1000, 'x'));
  EXPECT_THROW(load(path("text"), true), FormatError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);  // no temporary file is left
}

}  // namespace
}  // namespace fastlm::ngram
