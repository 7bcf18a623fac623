// Runs kernels, into which tests/simt/faults/CMakeLists.txt has planted a fault, in several orders of their threads,
// and says what is found. Clean: "all is well".
#pragma once

#include <cstdio>
#include <exception>
#include <string>

#include "rnn_run.h"

namespace fastlm {

// Memory that nobody has written: NaN.
class Workspace {
 public:
  explicit Workspace(int64_t bytes) : pieces_(bytes / 16 + 1) {
    std::fill_n(reinterpret_cast<unsigned char*>(pieces_.data()), 16 * pieces_.size(), 0xFF);
  }
  void* data() { return pieces_.data(); }

 private:
  struct alignas(16) Piece {
    unsigned char bytes[16];
  };
  std::vector<Piece> pieces_;
};

#ifdef SIMT_TSAN
inline constexpr uint64_t kOrders = 3;  // slow, and a race is one in every order
#else
inline constexpr uint64_t kOrders = 6;
#endif

// complaint(): of one run, or empty.
template <class Run>
int report(const Run& complaint) {
  try {
    for (uint64_t seed = 0; seed < kOrders; seed++) {
      set_order(seed == 0 ? simt::Order::kForward : seed == 1 ? simt::Order::kReverse : simt::Order::kRandom, seed);
      if (const std::string text = complaint(); !text.empty()) {
        std::printf("wrong in order %d: %s\n", int(seed), text.c_str());
        return 1;
      }
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
  std::printf("all is well\n");
  return 0;
}

}  // namespace fastlm
