// Bytes that are set aside in chunks and read again later: in memory up to a limit, then in a temporary file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "temporary_file.h"

namespace fastlm::ngram {

struct Chunk {
  uint64_t at = 0, bytes = 0;
  const std::byte* memory = nullptr;  // if it is kept there
};

// Chunks can be added and read by several threads.
class ChunkStore {
 public:
  ChunkStore(uint64_t memory, std::string folder) : memory_(memory), folder_(std::move(folder)) {}

  Chunk add(const std::vector<std::byte>& bytes);
  void read(const Chunk& chunk, uint64_t from, void* data, size_t bytes) const;
  uint64_t bytes_on_disk() const { return on_disk_; }

 private:
  uint64_t memory_;
  std::string folder_;
  std::mutex guard_;
  std::deque<std::vector<std::byte>> kept_;
  uint64_t in_memory_ = 0, on_disk_ = 0;
  std::unique_ptr<TemporaryFile> file_;
};

// Reads a chunk from front to back.
class ChunkReader {
 public:
  static constexpr size_t kAtOnce = 64;  // bytes that can be read after one call of more()

  ChunkReader(const ChunkStore& store, const Chunk& chunk) : store_(store), chunk_(chunk) {}

  // Whether there are more bytes; makes sure that some are at hand.
  bool more() {
    if (size_t(end_ - p_) < kAtOnce && read_ < chunk_.bytes) refill();
    return p_ < end_;
  }
  uint64_t varint() {
    uint64_t number = uint64_t(*p_++);
    if (number < 0x80) return number;
    number &= 0x7F;
    for (int shift = 7;; shift += 7) {
      const auto byte = uint64_t(*p_++);
      number |= (byte & 0x7F) << shift;
      if (byte < 0x80) return number;
    }
  }
  std::byte next() { return *p_++; }

 private:
  void refill();

  const ChunkStore& store_;
  Chunk chunk_;
  uint64_t read_ = 0;
  std::vector<std::byte> buffer_;
  const std::byte *p_ = nullptr, *end_ = nullptr;
};

inline void put_varint(std::vector<std::byte>& bytes, uint64_t number) {
  for (; number >= 0x80; number >>= 7) bytes.push_back(std::byte(number | 0x80));
  bytes.push_back(std::byte(number));
}

// Numbers that are set aside one by one, and read again in their order.
class SetAside {
 public:
  explicit SetAside(ChunkStore& store) : store_(store) {}

  void add(uint64_t number) {
    put_varint(bytes_, number);
    if (bytes_.size() >= kChunk) end();
  }
  void end() {
    if (!bytes_.empty()) chunks_.push_back(store_.add(bytes_));
    bytes_.clear();
  }
  // After all have been added and end() was called.
  uint64_t next() {
    while (!reader_ || !reader_->more()) reader_.emplace(store_, chunks_[read_++]);
    return reader_->varint();
  }

 private:
  static constexpr size_t kChunk = 1 << 18;

  ChunkStore& store_;
  std::vector<std::byte> bytes_;
  std::vector<Chunk> chunks_;
  size_t read_ = 0;
  std::optional<ChunkReader> reader_;
};

}  // namespace fastlm::ngram
