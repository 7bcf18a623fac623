// The pool of buffers: aligned, never shared by two owners, used again, from any thread.
#include "cpu/buffer.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace fastlm::cpu {
namespace {

TEST(Buffer, IsAlignedAndItsOwners) {
  std::vector<Buffer<int64_t>> buffers;
  for (int64_t count : {0, 1, 7, 8, 1000, 100000, 1000}) {
    int64_t* data = buffers.emplace_back(count).data();
    EXPECT_EQ(reinterpret_cast<uintptr_t>(data) % 64, 0u);
    for (int64_t i = 0; i < count; i++) data[i] = count;
  }
  EXPECT_EQ(buffers[3].data()[7], 8);
  EXPECT_EQ(buffers[4].data()[999], 1000);
  EXPECT_EQ(buffers[5].data()[99999], 100000);
}

TEST(Buffer, IsUsedAgain) {
  if (BufferPool::kMostKept == 0) return;  // under the address sanitizer
  void* first = BufferPool::acquire(12345);
  BufferPool::release(first);
  void* again = BufferPool::acquire(12000);
  EXPECT_EQ(again, first);
  void* other = BufferPool::acquire(12345);
  EXPECT_NE(other, again);
  BufferPool::release(other), BufferPool::release(again);
}

TEST(Buffer, OneLargerThanThePoolIsGivenBack) {
  const Buffer<char> large(BufferPool::kMostKept + 1);
  EXPECT_NE(large.data(), nullptr);
}

TEST(Buffer, ManyThreads) {
  std::vector<std::thread> threads;
  for (int n = 0; n < 4; n++)
    threads.emplace_back([n] {
      for (int round = 0; round < 500; round++) {
        Buffer<int> mine(1 + round % 50), more(64);
        for (int i = 0; i <= round % 50; i++) mine.data()[i] = n;
        for (int i = 0; i < 64; i++) more.data()[i] = -n;
        for (int i = 0; i <= round % 50; i++) ASSERT_EQ(mine.data()[i], n);
      }
    });
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace fastlm::cpu
