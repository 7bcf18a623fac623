// Records of a few bits each, one behind the other without a gap: the nodes of a packed trie.
//
// A record has at most 57 bits, so that one load of 8 bytes holds it wherever it begins, or just 64.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "../prefetch.h"
#include "array.h"
#include "sections.h"

namespace fastlm::ngram {

// A number in a record.
struct Field {
  int shift = 0, bits = 0;

  uint64_t mask() const { return unsigned(bits) >= 64 ? ~uint64_t(0) : (uint64_t(1) << bits) - 1; }  // any file's bits
  uint64_t of(uint64_t record) const { return record >> shift & mask(); }
};

inline constexpr int kWholeRecord = 64, kMostPackedBits = 57;

// What a record takes that needs so many bits.
inline int record_bits(int needed) { return needed > kMostPackedBits ? kWholeRecord : std::max(needed, 1); }

class Records {
 public:
  Records() = default;
  Records(Array bytes, int bits) : bytes_(std::move(bytes)), bits_(bits), mask_(Field{0, bits}.mask()) {}

  static uint64_t bytes_of(uint64_t size, int bits) { return (size * bits + 7) / 8; }

  int bits() const { return bits_; }
  uint64_t bytes() const { return bytes_.bytes(); }
  const Array& array() const { return bytes_; }

  uint64_t operator[](uint64_t i) const { return at(i) & mask_; }

  // With what follows it, above.
  uint64_t at(uint64_t i) const {
    const uint64_t bit = i * bits_;
    uint64_t word;
    std::memcpy(&word, bytes_.data() + bit / 8, sizeof word);
    return word >> bit % 8;
  }

  void prefetch(uint64_t i) const { fastlm::prefetch(bytes_.data() + i * bits_ / 8); }

 private:
  Array bytes_;
  int bits_ = 1;
  uint64_t mask_ = 1;
};

// Writes records from the first to the last into a section that is open.
class RecordWriter {
 public:
  RecordWriter(SectionSink& sink, int bits) : sink_(sink), bits_(bits) { buffer_.reserve(kBuffer + 8); }

  void add(uint64_t record) {
    pending_ |= record << filled_;
    const int room = 64 - filled_;
    if (bits_ < room) {
      filled_ += bits_;
      return;
    }
    append(pending_, 8);
    filled_ = bits_ - room;
    pending_ = filled_ ? record >> room : 0;
  }

  // The last ones.
  void finish() {
    append(pending_, (filled_ + 7) / 8);
    flush();
  }

 private:
  static constexpr size_t kBuffer = 1 << 16;

  void append(uint64_t word, int bytes) {
    const auto* p = reinterpret_cast<const std::byte*>(&word);
    buffer_.insert(buffer_.end(), p, p + bytes);
    if (buffer_.size() >= kBuffer) flush();
  }
  void flush() {
    sink_.write(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  SectionSink& sink_;
  int bits_, filled_ = 0;
  uint64_t pending_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace fastlm::ngram
