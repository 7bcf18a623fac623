// A team of std::threads, as many as the test asks for.
#pragma once

#include <algorithm>
#include <thread>
#include <vector>

#include "cpu/team.h"

namespace fastlm {

class ThreadTeam final : public cpu::Team {
 public:
  explicit ThreadTeam(int size = 1) : size_(size) {}
  int size() const override { return size_; }
  void for_slices(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) override {
    const int64_t slice = std::max(grain, (count + size_ - 1) / size_);
    std::vector<std::thread> threads;
    for (int64_t begin = 0; begin < count; begin += slice)
      threads.emplace_back([&work, begin, end = std::min(count, begin + slice)] { work(begin, end); });
    for (auto& thread : threads) thread.join();
  }

 private:
  int size_;
};

}  // namespace fastlm
