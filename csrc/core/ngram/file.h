// A file of named arrays: mapped into memory as it is, checked before it is trusted.
//
// A header (magic, version, number of sections, checksums), a list of sections (name, place, size, checksum), then the
// arrays, each at a multiple of 64 bytes. Little-endian. Checksums are XXH64.
#pragma once

#include <map>
#include <string>

#include "array.h"

namespace fastlm::ngram {

using Sections = std::map<std::string, Array>;  // names of at most 31 characters

// Under a temporary name in the same folder, flushed to the disk, then renamed: the file is whole, or as it was.
void write_file(const std::string& path, const Sections& sections);

// Throws FileError and FormatError. verify: the checksums of the arrays too, for which the file is read once.
Sections map_file(const std::string& path, bool verify);

}  // namespace fastlm::ngram
