#include "chunks.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "errors.h"

namespace fastlm::ngram {

TemporaryFile::TemporaryFile(std::string folder) : folder_(std::move(folder)) {
  if (folder_.empty()) {
    const char* chosen = std::getenv("TMPDIR");
    folder_ = chosen && *chosen ? chosen : "/tmp";
  }
  std::string path = folder_ + "/fastlm-XXXXXX";
  fd_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd_ < 0) fail();
  ::unlink(path.c_str());
}

TemporaryFile::~TemporaryFile() { ::close(fd_); }

void TemporaryFile::fail() const { throw FileError(folder_); }

void TemporaryFile::write(const void* data, size_t bytes, uint64_t at) {
  for (auto* p = static_cast<const char*>(data); bytes > 0;) {
    const ssize_t written = ::pwrite(fd_, p, std::min<size_t>(bytes, 1 << 30), off_t(at));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail();
    p += written, bytes -= size_t(written), at += uint64_t(written);
  }
}

void TemporaryFile::read(void* data, size_t bytes, uint64_t at) const {
  for (auto* p = static_cast<char*>(data); bytes > 0;) {
    const ssize_t got = ::pread(fd_, p, std::min<size_t>(bytes, 1 << 30), off_t(at));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;
    if (got <= 0) fail();
    p += got, bytes -= size_t(got), at += uint64_t(got);
  }
}

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
