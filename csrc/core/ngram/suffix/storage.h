// Indexes as files.
#pragma once

#include <string>

#include "index.h"

namespace fastlm::ngram::suffix {

void save(const Index& index, const std::string& path);

bool is_index(const std::string& path);  // and not a table or a model

// verify: checksums and structure, else the file is trusted. Both throw FileError and FormatError.
Index load(const std::string& path, bool verify);

}  // namespace fastlm::ngram::suffix
