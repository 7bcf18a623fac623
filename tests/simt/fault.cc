// Runs the kernels, into which tests/simt/faults.cmake has planted a fault, and says what is found. Clean: "all is
// well".
#include <cstdio>
#include <exception>

#include "cuda/dropout.h"
#include "rnn_run.h"
#include "toy_cells.h"

using namespace fastlm;

namespace {

template <class Cell>
std::string recurrence(const Problem<Cell>& problem, const cuda::DeviceLimits& limits) {
  return RnnRun<Cell, float>(problem, limits).complaint();
}

std::string dropout() {
  const int64_t seed = 1, count = 100;
  std::vector<float> input(count + 1, 1), output(count + 1);
  cuda::dropout(cuda::Number::kFloat, &seed, 0.5, input.data() + 1, output.data() + 1, count, nullptr);
  return {};
}

std::string run_all() {
  // 260 columns: two pieces of the depth in the step regime; the packed one has sequences that end within a block
  Problem<BusyCell> long_one({3, 3, 2}, 130, false, 1);
  Problem<BusyCell> packed({5, 4, 2, 1}, 37, true, 2);
  long_one.solve(), packed.solve();
  for (const auto& limits : {cuda::DeviceLimits{132, 232448}, {1, 232448}, {1, 4000}, {132, 0}})
    for (const auto& complaint : {recurrence(packed, limits), recurrence(long_one, limits)})
      if (!complaint.empty()) return complaint;
  return dropout();
}

}  // namespace

#ifdef SIMT_TSAN
constexpr uint64_t kOrders = 3;  // slow, and a race is one in every order
#else
constexpr uint64_t kOrders = 6;
#endif

int main() {
  try {
    for (uint64_t seed = 0; seed < kOrders; seed++) {
      simt::settings().order = seed == 0   ? simt::Order::kForward
                               : seed == 1 ? simt::Order::kReverse
                                           : simt::Order::kRandom;
      simt::settings().seed = seed;
      const std::string complaint = run_all();
      if (!complaint.empty()) {
        std::printf("wrong in order %d: %s\n", int(seed), complaint.c_str());
        return 1;
      }
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
  std::printf("all is well\n");
}
