// A file without a name: it goes when the process goes.
#pragma once

#include <cstdint>
#include <string>

namespace fastlm::ngram::arpa {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string folder);  // empty: the system's folder for temporary files
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;

  uint64_t size() const { return size_; }
  void append(const void* data, size_t bytes);
  void read(void* data, size_t bytes, uint64_t offset) const;

 private:
  std::string folder_;
  int fd_;
  uint64_t size_ = 0;
};

}  // namespace fastlm::ngram::arpa
