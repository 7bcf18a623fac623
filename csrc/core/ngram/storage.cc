#include "storage.h"

#include "errors.h"
#include "file.h"

namespace fastlm::ngram {
namespace {

template <class Held>
Held checked(Sections sections, const std::string& path, bool verify) {
  Held held(std::move(sections));
  if (const auto fault = held.fault(verify)) throw FormatError(path, *fault);
  return held;
}

}  // namespace

void save(const Table& table, const std::string& path) {
  Sections sections = table.sections();
  std::erase_if(sections, [](const auto& section) { return Model::owns(section.first); });
  write_file(path, sections);
}
void save(const Model& model, const std::string& path) { write_file(path, model.table().sections()); }

std::variant<Table, Model> load(const std::string& path, bool verify) {
  Sections sections = map_file(path, verify);
  if (sections.contains("smoothing")) return checked<Model>(std::move(sections), path, verify);
  return checked<Table>(std::move(sections), path, verify);
}

}  // namespace fastlm::ngram
