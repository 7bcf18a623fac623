// XXH64, the hash of words and the checksum of files.
//
// Collet, "xxHash fast digest algorithm" (github.com/Cyan4973/xxHash, doc/xxhash_spec.md).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fastlm::ngram {

namespace xxh64_detail {

inline constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87, kPrime2 = 0xC2B2AE3D27D4EB4F, kPrime3 = 0x165667B19E3779F9,
                          kPrime4 = 0x85EBCA77C2B2AE63, kPrime5 = 0x27D4EB2F165667C5;

template <class T>
T read(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

inline uint64_t round(uint64_t accumulator, uint64_t input) {
  return std::rotl(accumulator + input * kPrime2, 31) * kPrime1;
}

inline uint64_t merge(uint64_t hash, uint64_t lane) { return (hash ^ round(0, lane)) * kPrime1 + kPrime4; }

}  // namespace xxh64_detail

// Of bytes that come in pieces.
class Xxh64 {
 public:
  explicit Xxh64(uint64_t seed = 0)
      : seed_(seed),
        lanes_{seed + xxh64_detail::kPrime1 + xxh64_detail::kPrime2, seed + xxh64_detail::kPrime2, seed,
               seed - xxh64_detail::kPrime1} {}

  void add(const void* data, size_t bytes) {
    const char* p = static_cast<const char*>(data);
    size_ += bytes;
    if (held_ > 0) {
      const size_t taken = std::min(bytes, kStripe - held_);
      std::memcpy(hold_ + held_, p, taken);
      held_ += taken, p += taken, bytes -= taken;
      if (held_ < kStripe) return;
      stripe(hold_);
      held_ = 0;
    }
    for (; bytes >= kStripe; p += kStripe, bytes -= kStripe) stripe(p);
    if (bytes > 0) std::memcpy(hold_, p, bytes);
    held_ = bytes;
  }

  uint64_t digest() const {
    using namespace xxh64_detail;
    const auto& [a, b, c, d] = lanes_;
    uint64_t hash = seed_ + kPrime5;
    if (size_ >= kStripe) {
      hash = std::rotl(a, 1) + std::rotl(b, 7) + std::rotl(c, 12) + std::rotl(d, 18);
      for (uint64_t lane : lanes_) hash = merge(hash, lane);
    }
    return finished(hash + size_, hold_, hold_ + held_);
  }

  // Of the bytes that do not fill a stripe.
  static uint64_t finished(uint64_t hash, const char* p, const char* end) {
    using namespace xxh64_detail;
    for (; end - p >= 8; p += 8) hash = std::rotl(hash ^ round(0, read<uint64_t>(p)), 27) * kPrime1 + kPrime4;
    if (end - p >= 4) {
      hash = std::rotl(hash ^ (read<uint32_t>(p) * kPrime1), 23) * kPrime2 + kPrime3;
      p += 4;
    }
    for (; p < end; p++) hash = std::rotl(hash ^ (uint8_t(*p) * kPrime5), 11) * kPrime1;
    hash = (hash ^ (hash >> 33)) * kPrime2;
    hash = (hash ^ (hash >> 29)) * kPrime3;
    return hash ^ (hash >> 32);
  }

  static constexpr size_t kStripe = 32;

 private:
  void stripe(const char* p) {
    for (int i = 0; i < 4; i++) lanes_[i] = xxh64_detail::round(lanes_[i], xxh64_detail::read<uint64_t>(p + 8 * i));
  }

  uint64_t seed_, size_ = 0;
  uint64_t lanes_[4];
  char hold_[kStripe];
  size_t held_ = 0;
};

inline uint64_t xxh64(const void* data, size_t size, uint64_t seed = 0) {
  static_assert(std::endian::native == std::endian::little);
  if (size < Xxh64::kStripe) {  // as most words
    const char* p = static_cast<const char*>(data);
    return Xxh64::finished(seed + xxh64_detail::kPrime5 + size, p, p + size);
  }
  Xxh64 hash(seed);
  hash.add(data, size);
  return hash.digest();
}

inline uint64_t xxh64(std::string_view text) { return xxh64(text.data(), text.size()); }

}  // namespace fastlm::ngram
