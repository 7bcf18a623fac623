#include "storage.h"

#include <cmath>

#include "errors.h"
#include "file.h"

namespace fastlm::ngram {
namespace {

// Names of the sections.
std::string of_order(const char* what, int n) { return what + std::string(".") + std::to_string(n); }
constexpr const char* kParameter = "parameter.";

enum Number { kOrder, kTokens, kSentences, kNumbers };

Sections sections_of(const Table& table) {
  const auto& [characters, ends, slots] = table.vocabulary.arrays();
  const uint64_t numbers[kNumbers] = {uint64_t(table.order()), table.tokens, table.sentences};
  Sections sections = {{"numbers", array_of(numbers, kNumbers)},
                       {"vocabulary.characters", characters},
                       {"vocabulary.ends", ends},
                       {"vocabulary.slots", slots}};
  for (int n = 1; n <= table.order(); n++) {
    const Level& level = table.trie.level(n);
    sections[of_order("words", n)] = level.words;
    sections[of_order("counts", n)] = level.counts;
    sections[of_order("children", n)] = level.children;
  }
  return sections;
}

class Reader {
 public:
  Reader(const std::string& path, bool verify) : path_(path), verify_(verify), sections_(map_file(path, verify)) {}

  bool has(const std::string& name) const { return sections_.contains(name); }

  Table table() const {
    const Array& numbers = section("numbers", sizeof(uint64_t));
    require(numbers.size() == kNumbers && numbers[kOrder] >= 1 && numbers[kOrder] <= kMaxOrder, "has no valid order");
    std::vector<Level> levels;
    for (int n = 1; n <= int(numbers[kOrder]); n++)
      levels.push_back(
          {section(of_order("words", n)), section(of_order("counts", n)), section(of_order("children", n))});
    const Table table{
        Vocabulary({section("vocabulary.characters", 1), section("vocabulary.ends"), section("vocabulary.slots")}),
        Trie(std::move(levels)), numbers[kTokens], numbers[kSentences]};
    if (verify_) require(table.vocabulary.fault());
    require(table.vocabulary.size() == table.trie.vocabulary(), "has a vocabulary that does not match its counts");
    require(table.trie.fault(verify_));
    return table;
  }

  Model model() const {
    Table table = this->table();
    Estimate estimate;
    for (int n = 1; n <= table.order(); n++) {
      estimate.probabilities.push_back(logs(of_order("probabilities", n), table.trie.size(n)));
      if (n < table.order()) estimate.weights.push_back(logs(of_order("weights", n), table.trie.size(n)));
    }
    const Array& unseen = section("unseen", 1);
    require(unseen.size() == 1 && unseen[0] <= uint64_t(Unseen::kShorter), "has no valid smoothing");
    Parameters parameters;
    for (const auto& [name, array] : sections_)
      if (name.starts_with(kParameter))
        for (size_t i = 0; i < section(name, sizeof(double)).size(); i++)
          parameters[name.substr(std::string(kParameter).size())].push_back(array.as<double>(i));
    return Model(std::move(table), std::string(section("smoothing", 1).text()), Unseen(unseen[0]),
                 std::move(parameters), std::move(estimate));
  }

 private:
  void require(bool good, const std::string& what) const {
    if (!good) throw FormatError(path_, what);
  }
  void require(const std::optional<std::string>& fault) const { require(!fault, fault.value_or("")); }

  const Array& section(const std::string& name, int width = 0) const {
    const auto found = sections_.find(name);
    require(found != sections_.end(), "has no section " + name);
    require(width == 0 || found->second.width() == width, "has a section " + name + " of another kind");
    return found->second;
  }

  // Numbers that a probability or the weight of a context can have; weights may exceed 1, but not by any power.
  const Array& logs(const std::string& name, uint64_t size) const {
    const Array& array = section(name, sizeof(float));
    require(array.size() == size, "has a section " + name + " of a wrong size");
    for (size_t i = 0; verify_ && i < size; i++)
      require(!std::isnan(array.as<float>(i)) && array.as<float>(i) < 40, "has numbers in " + name + " that are none");
    return array;
  }

  std::string path_;
  bool verify_;
  Sections sections_;
};

}  // namespace

void save(const Table& table, const std::string& path) { write_file(path, sections_of(table)); }

void save(const Model& model, const std::string& path) {
  Sections sections = sections_of(model.table());
  const Estimate& estimate = model.arrays();
  for (int n = 1; n <= model.table().order(); n++) {
    sections[of_order("probabilities", n)] = estimate.probabilities[n - 1];
    if (n < model.table().order()) sections[of_order("weights", n)] = estimate.weights[n - 1];
  }
  const char unseen = char(model.unseen());
  sections["unseen"] = array_of(&unseen, 1);
  sections["smoothing"] = array_of(model.smoothing());
  for (const auto& [name, values] : model.parameters()) sections[kParameter + name] = array_of(values);
  write_file(path, sections);
}

std::variant<Table, Model> load(const std::string& path, bool verify) {
  const Reader reader(path, verify);
  if (reader.has("smoothing")) return reader.model();
  return reader.table();
}

}  // namespace fastlm::ngram
