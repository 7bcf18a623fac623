// Numbers that only a few of many places have.
#pragma once

#include <optional>
#include <vector>

#include "sections.h"

namespace fastlm::ngram {

class SparseNumbers {
 public:
  static constexpr uint64_t kBlock = 256;  // places in a block; within one a byte says where a number is

  SparseNumbers() = default;
  SparseNumbers(const Sections& sections, const std::string& name, int n);

  // Of a place that has one.
  uint64_t operator[](uint64_t i) const;

  // Whether the arrays are good for so many places; not whole: at a glance.
  bool valid(uint64_t places, bool whole) const;

  uint64_t size() const { return numbers_.size(); }
  // The place of number k of a block, for a walk through all: [begin(block), begin(block + 1)).
  uint64_t begin(uint64_t block) const { return blocks_[block]; }
  uint64_t place(uint64_t block, uint64_t k) const { return block * kBlock + at_[k]; }

 private:
  Array at_, numbers_, blocks_;
};

class SparseWriter {
 public:
  void add(uint64_t i, uint64_t number) {
    start(i / SparseNumbers::kBlock);
    at_.push_back(uint8_t(i % SparseNumbers::kBlock)), numbers_.push_back(number);
  }
  void finish(SectionSink& sink, const std::string& name, int n, uint64_t places) {
    start((places + SparseNumbers::kBlock - 1) / SparseNumbers::kBlock);
    write(sink, name, n);
  }

 private:
  void start(uint64_t block) {
    while (blocks_.size() <= block) blocks_.push_back(at_.size());
  }
  void write(SectionSink& sink, const std::string& name, int n) const;

  std::vector<uint8_t> at_;
  std::vector<uint64_t> numbers_, blocks_;
};

}  // namespace fastlm::ngram
