// What the executor's tests share: settings that end with the test, the fault of a kernel, every order of the threads.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "executor.h"

namespace simt {

class SimtTest : public testing::Test {
 protected:
  void TearDown() override { settings() = {}; }

  // The fault that a kernel is stopped for.
  static std::string fault_of(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes = 0,
                              Together together = {}) {
    try {
      run(kernel, grid, block, shared_bytes, together);
    } catch (const Fault& fault) {
      return fault.what();
    }
    return "none";
  }

  // check() in forward, reverse and some random orders.
  static void in_every_order(const std::function<void()>& check) {
    for (uint64_t seed = 0; seed < 6; seed++) {
      settings().order = seed == 0 ? Order::kForward : seed == 1 ? Order::kReverse : Order::kRandom;
      settings().seed = seed;
      SCOPED_TRACE("order " + std::to_string(seed));
      check();
    }
  }
};

inline constexpr Together kCooperative{true, 1};
inline constexpr Together kPairs{false, 2};  // clusters of two blocks

// A place of the caller's file, as faults give it.
inline std::string line(int offset, std::source_location where = std::source_location::current()) {
  const std::string file = where.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(int(where.line()) + offset);
}

#define EXPECT_HAS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << text

}  // namespace simt
