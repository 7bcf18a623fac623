#include "storage.h"

#include "../errors.h"
#include "../file.h"

namespace fastlm::ngram::suffix {
namespace {

constexpr std::string_view kKind = "suffix index 1";  // the number is that of its version
constexpr const char* kKindSection = "kind";

}  // namespace

void save(const Index& index, const std::string& path) {
  const auto& [tokens, positions, firsts, documents] = index.arrays();
  const auto& [characters, ends, slots] = index.vocabulary().arrays();
  const Lines::Arrays& lines = index.lines().arrays();
  write_file(path, {{kKindSection, array_of(kKind)},
                    {"tokenization", array_of(index.tokenization())},
                    {"vocabulary.characters", characters},
                    {"vocabulary.ends", ends},
                    {"vocabulary.slots", slots},
                    {"tokens", tokens},
                    {"positions", positions},
                    {"firsts", firsts},
                    {"documents", documents},
                    {"lines", lines.starts},
                    {"sources.lines", lines.sources},
                    {"sources.names", lines.names},
                    {"sources.ends", lines.ends}});
}

bool is_index(const std::string& path) { return map_file(path, false).contains(kKindSection); }

Index load(const std::string& path, bool verify) {
  const Sections sections = map_file(path, verify);
  const auto require = [&](bool good, const std::string& what) {
    if (!good) throw FormatError(path, what);
  };
  const auto section = [&](const std::string& name, int width = 0) {
    const auto found = sections.find(name);
    require(found != sections.end(), "has no section " + name + ": not an index that fastlm ngram index wrote");
    require(width == 0 || found->second.width() == width, "has a section " + name + " of another kind");
    return found->second;
  };
  require(section(kKindSection, 1).text() == kKind, "is not of the kind '" + std::string(kKind) + "'; build it again");
  Index index(
      Vocabulary({section("vocabulary.characters", 1), section("vocabulary.ends"), section("vocabulary.slots")}),
      {section("tokens"), section("positions"), section("firsts"), section("documents")},
      Lines({section("lines"), section("sources.lines"), section("sources.names", 1), section("sources.ends")}));
  index.set_tokenization(std::string(section("tokenization", 1).text()));
  const auto check = [&](const std::optional<std::string>& fault) { require(!fault, fault.value_or("")); };
  if (verify) check(index.vocabulary().fault());
  check(index.fault(verify));
  return index;
}

}  // namespace fastlm::ngram::suffix
