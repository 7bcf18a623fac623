// Arrays as they lie in the file: numbers side by side, each of the same few bytes, little-endian.
//
// An array shares the ownership of its memory, which is a buffer or a mapped file, and is never changed once it is
// made.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace fastlm::ngram {

static_assert(std::endian::native == std::endian::little);

class Array {
 public:
  static constexpr size_t kPadding = 8;  // bytes behind an array that may be read

  Array() = default;
  Array(std::shared_ptr<const void> owner, const std::byte* data, size_t size, int width)
      : owner_(std::move(owner)), data_(data), size_(size), width_(width), mask_(~uint64_t(0) >> (64 - 8 * width)) {}

  size_t size() const { return size_; }
  int width() const { return width_; }  // 1 to 8 bytes
  size_t bytes() const { return size_ * width_; }
  const std::byte* data() const { return data_; }

  uint64_t operator[](size_t i) const {
    uint64_t value;
    std::memcpy(&value, data_ + i * width_, sizeof value);
    return value & mask_;
  }

  // Of an array whose numbers have the size of T: floats, characters.
  template <class T>
  T as(size_t i) const {
    T value;
    std::memcpy(&value, data_ + i * sizeof(T), sizeof value);
    return value;
  }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), bytes()}; }

 private:
  std::shared_ptr<const void> owner_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
  int width_ = 1;
  uint64_t mask_ = 0xFF;
};

// An array in the making: of numbers up to a known greatest one.
class ArrayWriter {
 public:
  ArrayWriter(size_t size, uint64_t greatest)
      : width_(greatest ? (std::bit_width(greatest) + 7) / 8 : 1), size_(size), buffer_(allocate(size * width_)) {}

  void set(size_t i, uint64_t value) { std::memcpy(buffer_.get() + i * width_, &value, width_); }
  Array finish() && { return {buffer_, buffer_.get(), size_, width_}; }

  static std::shared_ptr<std::byte[]> allocate(size_t bytes) {
    return std::make_shared<std::byte[]>(bytes + Array::kPadding);
  }

 private:
  int width_;
  size_t size_;
  std::shared_ptr<std::byte[]> buffer_;
};

// Numbers as they are: T is a float or a character.
template <class T>
Array array_of(const T* numbers, size_t size) {
  auto buffer = ArrayWriter::allocate(size * sizeof(T));
  if (size) std::memcpy(buffer.get(), numbers, size * sizeof(T));
  return {buffer, buffer.get(), size, int(sizeof(T))};
}

template <class Numbers>
Array array_of(const Numbers& numbers) {
  return array_of(numbers.data(), numbers.size());
}

// Integers in as few bytes as the greatest needs.
template <class Numbers>
Array packed(const Numbers& numbers) {
  uint64_t all = 0;
  for (auto number : numbers) all |= uint64_t(number);
  ArrayWriter writer(numbers.size(), all);
  for (size_t i = 0; i < numbers.size(); i++) writer.set(i, numbers[i]);
  return std::move(writer).finish();
}

}  // namespace fastlm::ngram
