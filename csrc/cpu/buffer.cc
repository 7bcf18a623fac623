#include "buffer.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <vector>

namespace fastlm::cpu {
namespace {

constexpr int64_t kLine = 64, kHugePage = 2 << 20;

// The size of a buffer stands in the line before it.
int64_t& size_of(void* buffer) { return *reinterpret_cast<int64_t*>(static_cast<char*>(buffer) - kLine); }

struct Kept {
  std::mutex mutex;
  std::vector<void*> buffers;  // the oldest first
  int64_t bytes = 0;
};

// Never destroyed: threads may still run when the process ends.
Kept& kept() {
  static Kept& kept = *new Kept;
  return kept;
}

void free_buffer(void* buffer) { std::free(static_cast<char*>(buffer) - kLine); }

}  // namespace

void* BufferPool::acquire(int64_t bytes) {
  bytes = std::max<int64_t>(kLine, (bytes + kLine - 1) / kLine * kLine);
  Kept& k = kept();
  if (std::unique_lock lock(k.mutex, std::try_to_lock); lock) {
    const auto fits = [&](void* buffer) { return size_of(buffer) >= bytes && size_of(buffer) <= 2 * bytes; };
    const auto found = std::find_if(k.buffers.rbegin(), k.buffers.rend(), fits);
    if (found != k.buffers.rend()) {
      void* buffer = *found;
      k.buffers.erase(std::next(found).base());
      k.bytes -= size_of(buffer);
      return buffer;
    }
  }
  // Large pages, where the system has them: a matrix is met panel by panel, which would be a page or two each.
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kLine;
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, bytes + kLine)) throw std::bad_alloc();
  if (alignment == kHugePage) madvise(memory, bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  void* buffer = static_cast<char*>(memory) + kLine;
  size_of(buffer) = bytes;
  return buffer;
}

void BufferPool::release(void* buffer) {
  Kept& k = kept();
  std::unique_lock lock(k.mutex, std::try_to_lock);
  if (!lock || size_of(buffer) > kMostKept) return free_buffer(buffer);
  k.buffers.push_back(buffer);
  k.bytes += size_of(buffer);
  while (k.bytes > kMostKept) {
    k.bytes -= size_of(k.buffers.front());
    free_buffer(k.buffers.front());
    k.buffers.erase(k.buffers.begin());
  }
}

}  // namespace fastlm::cpu
