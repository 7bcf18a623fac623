// How much memory sorting may take, and how much of it is taken by what has been sorted.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace fastlm::ngram::arpa {

struct SortOptions {
  size_t memory = size_t(1) << 30;  // bytes for n-grams: in all, the vocabulary apart
  std::string folder = {};          // for temporary files; empty: the system's
  std::function<void()> poll = {};  // called now and then; what it throws ends the work
};

// Half of the memory may hold n-grams that are sorted, the other half is for sorting; what is more goes into files.
class Memory {
 public:
  explicit Memory(size_t limit) : limit_(limit), held_(std::make_shared<std::atomic<size_t>>(0)) {}

  // What one of several sorters at a time may take.
  size_t share(int sorters) const { return (limit_ - std::min<size_t>(limit_, *held_)) / 2 / sorters; }

  bool has_room(size_t bytes) const { return *held_ + bytes <= limit_ / 2; }

  // Keeps bytes for as long as the result lives.
  std::shared_ptr<void> hold(size_t bytes) const {
    *held_ += bytes;
    return {nullptr, [held = held_, bytes](void*) { *held -= bytes; }};
  }

 private:
  size_t limit_;
  std::shared_ptr<std::atomic<size_t>> held_;
};

}  // namespace fastlm::ngram::arpa
