#include "word_index.h"

#include <cstring>

namespace fastlm::ngram {

bool WordIndex::valid(uint64_t size) const {
  return place_bits_ <= kMostPlaceBits && slots_.width() == width(place_bits_) && slots_.size() == slots_before(size);
}

void WordIndexWriter::add(std::span<const Word> words) {
  const Range range{begin_, begin_ + words.size()};
  const uint64_t first = WordIndex::slots_before(range.begin), slots = WordIndex::slots_before(range.end) - first;
  begin_ = range.end;
  slots_.assign(slots, 0);
  for (uint64_t i = 0; rule_.holds(range) && i < words.size(); i++) {
    uint64_t slot = WordIndex::home(range, words[i]) - first;
    while (slots_[slot] != 0) slot = slot + 1 == slots ? 0 : slot + 1;
    slots_[slot] = rule_.mark(words[i]) | (i + 1);
  }
  const int width = WordIndex::width(rule_.place_bits_);
  bytes_.resize(slots * width + sizeof(uint64_t));
  for (uint64_t s = 0; s < slots; s++) std::memcpy(bytes_.data() + s * width, &slots_[s], sizeof(uint64_t));
  sink_.write(bytes_.data(), slots * width);
}

}  // namespace fastlm::ngram
