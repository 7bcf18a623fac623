// A team of threads that somebody else owns: torch's pool in the library, std::thread in the tests.
#pragma once

#include <cstdint>
#include <functional>

namespace fastlm::cpu {

class Team {
 public:
  virtual ~Team() = default;
  virtual int size() const = 0;
  // Calls work(begin, end) on slices that together make up [0, count), each of at least `grain` items, on any threads
  // and in any order; returns when all are done. A slice must not wait for another one.
  virtual void for_slices(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) = 0;
};

}  // namespace fastlm::cpu
