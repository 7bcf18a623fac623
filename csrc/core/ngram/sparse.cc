#include "sparse.h"

namespace fastlm::ngram {

SparseNumbers::SparseNumbers(const Sections& sections, const std::string& name, int n)
    : at_(find_section(sections, (name + "_at").c_str(), n)),
      numbers_(find_section(sections, name.c_str(), n)),
      blocks_(find_section(sections, (name + "_blocks").c_str(), n)) {}

uint64_t SparseNumbers::operator[](uint64_t i) const {
  uint64_t at = blocks_[i / kBlock];
  for (uint64_t size = blocks_[i / kBlock + 1] - at; size > 0;) {
    const uint64_t half = size / 2;
    if (at_[at + half] < i % kBlock)
      at += half + 1, size -= half + 1;
    else
      size = half;
  }
  return numbers_[at];
}

bool SparseNumbers::valid(uint64_t places, bool whole) const {
  const uint64_t blocks = (places + kBlock - 1) / kBlock;
  if (at_.width() != 1 || at_.size() != numbers_.size() || blocks_.size() != blocks + 1) return false;
  if (blocks_[0] != 0 || blocks_[blocks] != at_.size()) return false;
  for (uint64_t block = 0; whole && block < blocks; block++) {
    if (blocks_[block + 1] < blocks_[block] || blocks_[block + 1] > at_.size()) return false;
    for (uint64_t k = blocks_[block]; k < blocks_[block + 1]; k++)
      if (place(block, k) >= places || (k > blocks_[block] && at_[k] <= at_[k - 1])) return false;
  }
  return true;
}

void SparseWriter::write(SectionSink& sink, const std::string& name, int n) const {
  sink.put(section_of((name + "_at").c_str(), n), array_of(at_));
  sink.put(section_of(name.c_str(), n), packed(numbers_));
  sink.put(section_of((name + "_blocks").c_str(), n), packed(blocks_));
}

}  // namespace fastlm::ngram
