// A file without a name: it goes when the process goes.
#pragma once

#include <cstdint>
#include <string>

namespace fastlm::ngram {

class TemporaryFile {
 public:
  explicit TemporaryFile(std::string folder);  // empty: the system's folder for temporary files
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;

  // Several threads may write, each at places of its own.
  void write(const void* data, size_t bytes, uint64_t offset);
  void read(void* data, size_t bytes, uint64_t offset) const;

  // For a file that one writes from front to back.
  uint64_t size() const { return size_; }
  void append(const void* data, size_t bytes) {
    write(data, bytes, size_);
    size_ += bytes;
  }

 private:
  std::string folder_;
  int fd_;
  uint64_t size_ = 0;  // of what was appended
};

}  // namespace fastlm::ngram
