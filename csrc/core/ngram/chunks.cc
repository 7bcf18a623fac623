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
    at = size_;
    if (!file_ && size_ + bytes.size() <= memory_) {
      kept_.insert(kept_.end(), bytes.begin(), bytes.end());
      size_ += bytes.size();
      return {at, bytes.size()};
    }
    if (!file_) file_ = std::make_unique<TemporaryFile>(folder_);
    size_ += bytes.size();
  }
  file_->write(bytes.data(), bytes.size(), at - kept_.size());
  return {at, bytes.size()};
}

void ChunkStore::read(const Chunk& chunk, uint64_t from, void* data, size_t bytes) const {
  const uint64_t at = chunk.at + from;
  if (chunk.at < kept_.size())
    std::memcpy(data, kept_.data() + at, bytes);
  else if (bytes > 0)
    file_->read(data, bytes, at - kept_.size());
}

void ChunkReader::refill() {
  constexpr uint64_t kBuffer = 1 << 16;
  buffer_.resize(std::min(kBuffer, chunk_.bytes - read_));
  store_.read(chunk_, read_, buffer_.data(), buffer_.size());
  read_ += buffer_.size(), i_ = 0;
}

}  // namespace fastlm::ngram
