#include "ranked.h"

#include <limits>
#include <stdexcept>

namespace fastlm::ngram {

RankedNumbers::RankedNumbers(const Sections& sections, const std::string& name, int n)
    : blocks_(find_section(sections, (name + "_blocks").c_str(), n)),
      numbers_(find_section(sections, name.c_str(), n)) {}

bool RankedNumbers::valid(uint64_t places, bool whole) const {
  const uint64_t blocks = places / kBlock + 1;
  if (blocks_.width() != 1 || blocks_.size() != blocks * kBytes) return false;
  uint64_t before = 0;
  for (uint64_t i = 0; whole && i < blocks; i++) {
    const Block block = this->block(i);
    if (block.before != before) return false;
    before += std::popcount(block.places);
  }
  return !whole || before == size();
}

void RankedWriter::add(uint64_t place, uint64_t number) {
  start(place / RankedNumbers::kBlock);
  places_ |= uint64_t(1) << place % RankedNumbers::kBlock;
  numbers_.push_back(number);
}

void RankedWriter::finish(SectionSink& sink, const std::string& name, int n, uint64_t places) {
  start(places / RankedNumbers::kBlock + 1);
  sink.put(section_of((name + "_blocks").c_str(), n), array_of(blocks_));
  sink.put(section_of(name.c_str(), n), packed(numbers_));
}

// Ends the blocks before.
void RankedWriter::start(uint64_t block) {
  for (; blocks_.size() / RankedNumbers::kBytes < block; places_ = 0) {
    const uint64_t before = numbers_.size() - std::popcount(places_);
    if (before > std::numeric_limits<uint32_t>::max())
      throw std::length_error("more than 2^32 contexts of an order that many words follow; use the other layout");
    const RankedNumbers::Block ended{places_, uint32_t(before)};
    const auto* bytes = reinterpret_cast<const std::byte*>(&ended);
    blocks_.insert(blocks_.end(), bytes, bytes + RankedNumbers::kBytes);
  }
}

}  // namespace fastlm::ngram
