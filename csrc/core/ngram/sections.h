// Named arrays: what tables and models consist of, in memory or in a file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "array.h"

namespace fastlm::ngram {

using Sections = std::map<std::string, Array>;  // names of at most 31 characters

// Of n-grams of an order.
inline std::string section_of(const char* what, int n) { return what + std::string(".") + std::to_string(n); }

inline Array find_section(const Sections& sections, const std::string& name) {
  const auto found = sections.find(name);
  return found == sections.end() ? Array() : found->second;
}
inline Array find_section(const Sections& sections, const char* what, int n) {
  return find_section(sections, section_of(what, n));
}

// Takes arrays one after the other, in pieces: into memory, or into a file (file.h).
class SectionSink {
 public:
  virtual ~SectionSink() = default;
  virtual void begin(const std::string& name, int width) = 0;  // of numbers of so many bytes; ends the one before
  virtual void write(const void* data, size_t bytes) = 0;

  void put(const std::string& name, const Array& array) {
    begin(name, array.width());
    write(array.data(), array.bytes());
  }
};

class MemorySink : public SectionSink {
 public:
  void begin(const std::string& name, int width) override {
    end();
    name_ = name, width_ = width;
  }
  void write(const void* data, size_t bytes) override {
    const auto* p = static_cast<const std::byte*>(data);
    bytes_.insert(bytes_.end(), p, p + bytes);
  }
  Sections finish() {
    end();
    return std::move(sections_);
  }

 private:
  void end() {
    if (name_.empty()) return;
    const size_t size = bytes_.size() / width_;
    bytes_.resize(bytes_.size() + Array::kPadding);
    const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(bytes_));
    sections_[name_] = Array(owner, owner->data(), size, width_);
    bytes_ = {}, name_ = {};
  }

  Sections sections_;
  std::string name_;
  int width_ = 1;
  std::vector<std::byte> bytes_;
};

}  // namespace fastlm::ngram
