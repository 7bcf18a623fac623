#include "chunks.h"

#include <algorithm>
#include <cstring>

namespace fastlm::ngram {

Chunk ChunkStore::add(const std::vector<std::byte>& bytes) {
  uint64_t at;
  {
    const std::lock_guard lock(guard_);
    if (!file_ && in_memory_ + bytes.size() <= memory_) {
      in_memory_ += bytes.size();
      return {0, bytes.size(), kept_.emplace_back(bytes).data()};
    }
    if (!file_) file_ = std::make_unique<TemporaryFile>(folder_);
    at = on_disk_;
    on_disk_ += bytes.size();
  }
  file_->write(bytes.data(), bytes.size(), at);
  return {at, bytes.size()};
}

void ChunkStore::read(const Chunk& chunk, uint64_t from, void* data, size_t bytes) const {
  if (bytes == 0) return;
  if (chunk.memory)
    std::memcpy(data, chunk.memory + from, bytes);
  else
    file_->read(data, bytes, chunk.at + from);
}

void ChunkReader::refill() {
  constexpr uint64_t kBuffer = 1 << 16;
  const size_t left = end_ - p_, more = std::min(kBuffer, chunk_.bytes - read_);
  std::vector<std::byte> buffer(left + more);
  std::copy(p_, end_, buffer.begin());
  store_.read(chunk_, read_, buffer.data() + left, more);
  read_ += more;
  buffer_ = std::move(buffer);
  p_ = buffer_.data(), end_ = p_ + buffer_.size();
}

}  // namespace fastlm::ngram
