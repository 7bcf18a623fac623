// Tables and models as files.
#pragma once

#include <string>
#include <variant>

#include "model.h"

namespace fastlm::ngram {

void save(const Table& table, const std::string& path);
void save(const Model& model, const std::string& path);

// What the file holds. verify: checksums and structure, else the file is trusted. Throws FileError and FormatError.
std::variant<Table, Model> load(const std::string& path, bool verify);

}  // namespace fastlm::ngram
