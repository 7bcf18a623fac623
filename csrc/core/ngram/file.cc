#include "file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <filesystem>
#include <vector>

#include "errors.h"
#include "xxh64.h"

namespace fastlm::ngram {
namespace {

constexpr char kMagic[16] = "fastlm n-grams\n";
constexpr uint32_t kVersion = 4;
constexpr uint64_t kAlignment = 64;

struct Header {
  char magic[16];
  uint32_t version;
  uint32_t sections;
  uint64_t file_size;
  uint64_t list;      // where it begins
  uint64_t checksum;  // of the header with 0 here, and of the list
};

struct Entry {
  char name[32];
  uint64_t offset, size, checksum;
  uint64_t width;
};

uint64_t checksum_of(Header header, const Entry* entries) {
  header.checksum = 0;
  return xxh64(entries, header.sections * sizeof(Entry), xxh64(&header, sizeof header));
}

uint64_t align(uint64_t offset) { return (offset + kAlignment - 1) / kAlignment * kAlignment; }

class File {
 public:
  // name: what errors say, if not the path.
  File(const std::string& path, int flags, mode_t mode = 0, const std::string& name = {})
      : path_(name.empty() ? path : name), fd_(::open(path.c_str(), flags, mode)) {
    check(fd_);
  }
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;

  int fd() const { return fd_; }
  void check(auto result) const {
    if (result < 0) throw FileError(path_);
  }

  void write(const void* data, size_t size, uint64_t offset) {
    const char* p = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = ::pwrite(fd_, p, std::min<size_t>(size, INT_MAX), offset);
      if (written < 0 && errno == EINTR) continue;
      check(written);
      p += written, size -= written, offset += written;
    }
  }

  void flush() { check(::fsync(fd_)); }

 private:
  std::string path_;
  int fd_;
};

// Removes the file, unless it has got its name.
class Temporary {
 public:
  explicit Temporary(const std::string& path) : target_(path), path_(path + ".tmp" + std::to_string(::getpid())) {}
  ~Temporary() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  const std::string& path() const { return path_; }
  void rename() {
    if (::rename(path_.c_str(), target_.c_str()) < 0) throw FileError(target_);
    renamed_ = true;
  }

 private:
  std::string target_, path_;
  bool renamed_ = false;
};

}  // namespace

struct FileSink::State {
  explicit State(const std::string& path)
      : target(path), temporary(path), file(temporary.path(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666, path) {}

  // Writes what is buffered.
  void drain() {
    file.write(buffer.data(), buffer.size(), end - buffer.size());
    buffer.clear();
  }

  void append(const void* data, size_t bytes) {
    constexpr size_t kBuffer = 1 << 20;
    const auto* p = static_cast<const std::byte*>(data);
    buffer.insert(buffer.end(), p, p + bytes);
    end += bytes;
    if (buffer.size() >= kBuffer) drain();
  }

  void pad(uint64_t to) {
    const std::vector<std::byte> zeros(to - end);
    append(zeros.data(), zeros.size());
  }

  void end_section() {
    if (entries.empty() || entries.back().checksum_known) return;
    Open& open = entries.back();
    open.entry.size = (end - open.entry.offset) / open.entry.width;
    open.entry.checksum = open.checksum.digest();
    open.checksum_known = true;
    pad(end + Array::kPadding);
  }

  struct Open {
    Entry entry{};
    Xxh64 checksum;
    bool checksum_known = false;
  };

  std::string target;
  Temporary temporary;
  File file;
  std::vector<std::byte> buffer;
  uint64_t end = 0;
  std::vector<Open> entries;
};

FileSink::FileSink(const std::string& path) {
  std::error_code ignored;  // what is wrong with the path shows when the file is made
  const auto there = std::filesystem::status(path, ignored);
  if (std::filesystem::is_directory(there)) {
    errno = EISDIR;
    throw FileError(path);
  }
  if (std::filesystem::is_other(there))  // it would be replaced
    throw FormatError(path, "is a pipe or a device; it must be a file, which can be mapped into memory");
  state_ = std::make_unique<State>(path);
  state_->pad(sizeof(Header));
}

FileSink::~FileSink() = default;

void FileSink::begin(const std::string& name, int width) {
  state_->end_section();
  state_->pad(align(state_->end));
  State::Open& open = state_->entries.emplace_back();
  name.copy(open.entry.name, sizeof open.entry.name - 1);
  open.entry.offset = state_->end, open.entry.width = width;
}

void FileSink::write(const void* data, size_t bytes) {
  state_->entries.back().checksum.add(data, bytes);
  state_->append(data, bytes);
}

void FileSink::finish() {
  State& s = *state_;
  s.end_section();
  s.pad(align(s.end));
  std::vector<Entry> entries;
  for (const auto& open : s.entries) entries.push_back(open.entry);
  Header header{};
  std::copy_n(kMagic, sizeof kMagic, header.magic);
  header.version = kVersion;
  header.sections = entries.size();
  header.list = s.end;
  s.append(entries.data(), entries.size() * sizeof(Entry));
  header.file_size = s.end;
  header.checksum = checksum_of(header, entries.data());
  s.drain();
  s.file.write(&header, sizeof header, 0);
  s.file.flush();
  s.temporary.rename();
  const std::string folder = std::filesystem::absolute(s.target).parent_path();
  File(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC).flush();
}

void write_file(const std::string& path, const Sections& sections) {
  FileSink sink(path);
  for (const auto& [name, array] : sections) sink.put(name, array);
  sink.finish();
}

Sections map_file(const std::string& path, bool verify) {
  const File file(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // does not wait for the writer of a pipe
  struct stat status{};
  file.check(::fstat(file.fd(), &status));
  if (S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    throw FileError(path);
  }
  const uint64_t size = status.st_size;
  const auto require = [&](bool good, const std::string& what) {
    if (!good) throw FormatError(path, what);
  };
  require(S_ISREG(status.st_mode), "is a pipe or a device; it must be a file, which can be mapped into memory");
  require(size >= sizeof(Header), "not an n-gram file of fastlm");
  void* const memory = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (memory == MAP_FAILED) throw FileError(path);
  const std::shared_ptr<const void> owner(memory, [size](const void* p) { ::munmap(const_cast<void*>(p), size); });
  const auto* bytes = static_cast<const std::byte*>(memory);

  Header header;
  std::memcpy(&header, bytes, sizeof header);
  require(std::equal(kMagic, kMagic + sizeof kMagic, header.magic), "not an n-gram file of fastlm");
  require(header.version == kVersion, "is of version " + std::to_string(header.version) + "; expected " +
                                          std::to_string(kVersion) + ": build it again with this fastlm");
  require(header.file_size == size, "is truncated or was altered: has " + std::to_string(size) + " bytes, expected " +
                                        std::to_string(header.file_size));
  require(header.list <= size && header.sections == (size - header.list) / sizeof(Entry),
          "was altered: its list does not fit");
  std::vector<Entry> entries(header.sections);
  std::memcpy(entries.data(), bytes + header.list, entries.size() * sizeof(Entry));
  require(checksum_of(header, entries.data()) == header.checksum, "was altered: its header has a wrong checksum");

  Sections sections;
  for (const Entry& entry : entries) {
    const std::string name(entry.name, ::strnlen(entry.name, sizeof entry.name));
    require(entry.width >= 1 && entry.width <= 8 && entry.offset <= size &&
                entry.size <= (size - entry.offset) / entry.width &&
                size - entry.offset - entry.size * entry.width >= Array::kPadding,
            "was altered: section " + name + " does not fit");
    const Array array(owner, bytes + entry.offset, entry.size, int(entry.width));
    require(!verify || xxh64(array.data(), array.bytes()) == entry.checksum,
            "was altered: section " + name + " has a wrong checksum");
    sections[name] = array;
  }
  return sections;
}

}  // namespace fastlm::ngram
