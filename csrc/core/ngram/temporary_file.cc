#include "temporary_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>

#include "errors.h"

namespace fastlm::ngram {

TemporaryFile::TemporaryFile(std::string folder) : folder_(std::move(folder)) {
  if (folder_.empty()) {
    std::error_code error;
    folder_ = std::filesystem::temp_directory_path(error);
    if (error) {
      errno = error.value();
      throw FileError("the folder for temporary files (TMPDIR)");
    }
  }
  std::string path = folder_ + "/fastlm-XXXXXX";
  fd_ = ::mkostemp(path.data(), O_CLOEXEC);
  if (fd_ < 0) throw FileError(folder_);
  ::unlink(path.c_str());
}

TemporaryFile::~TemporaryFile() { ::close(fd_); }

void TemporaryFile::write(const void* data, size_t bytes, uint64_t offset) {
  const char* p = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::pwrite(fd_, p, std::min<size_t>(bytes, INT_MAX), off_t(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw FileError(folder_);
    p += written, bytes -= size_t(written), offset += uint64_t(written);
  }
}

void TemporaryFile::read(void* data, size_t bytes, uint64_t offset) const {
  char* p = static_cast<char*>(data);
  while (bytes > 0) {
    const ssize_t got = ::pread(fd_, p, std::min<size_t>(bytes, INT_MAX), off_t(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) errno = EIO;  // shorter than what was written
    if (got <= 0) throw FileError(folder_);
    p += got, bytes -= size_t(got), offset += uint64_t(got);
  }
}

}  // namespace fastlm::ngram
