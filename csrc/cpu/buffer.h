// Memory for a kernel's own use: aligned to cache lines, not initialised, and used again by the next call.
#pragma once

#include <cstdint>
#include <memory>

namespace fastlm::cpu {

// A freed buffer is kept for the next one of its size: pages that the system hands out anew cost more than packing a
// matrix into them. At most kMostKept bytes are kept.
class BufferPool {
 public:
#ifdef __SANITIZE_ADDRESS__
  static constexpr int64_t kMostKept = 0;  // an overrun of a buffer that is larger than asked for would not be seen
#else
  static constexpr int64_t kMostKept = 64 << 20;
#endif

  // Both are safe from any thread, and in a child process that was forked while another thread was in here.
  static void* acquire(int64_t bytes);
  static void release(void* buffer);
};

template <class T>
class Buffer {
 public:
  explicit Buffer(int64_t count) : data_(static_cast<T*>(BufferPool::acquire(count * int64_t(sizeof(T))))) {}
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

 private:
  struct Release {
    void operator()(T* buffer) const { BufferPool::release(buffer); }
  };
  std::unique_ptr<T[], Release> data_;
};

}  // namespace fastlm::cpu
