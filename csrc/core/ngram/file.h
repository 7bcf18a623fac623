// A file of named arrays: mapped into memory as it is, checked before it is trusted.
//
// A header (magic, version, number of sections, place of their list, checksums), the arrays, each at a multiple of 64
// bytes, then the list of sections (name, place, size, checksum). Little-endian. Checksums are XXH64.
#pragma once

#include <memory>
#include <string>

#include "sections.h"

namespace fastlm::ngram {

// Under a temporary name in the same folder, flushed to the disk, then renamed: the file is whole, or as it was.
class FileSink : public SectionSink {
 public:
  explicit FileSink(const std::string& path);
  ~FileSink() override;
  void begin(const std::string& name, int width) override;
  void write(const void* data, size_t bytes) override;
  void finish();  // without it, nothing remains

 private:
  struct State;
  std::unique_ptr<State> state_;
};

void write_file(const std::string& path, const Sections& sections);

// Throws FileError and FormatError. verify: the checksums of the arrays too, for which the file is read once.
Sections map_file(const std::string& path, bool verify);

}  // namespace fastlm::ngram
