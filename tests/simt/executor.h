// Runs CUDA kernels on one CPU thread: every CUDA thread is a fiber, in an order that the test chooses.
//
// The kernels' source is compiled unchanged by g++ against tests/simt/cuda. What it finds:
//   - barriers that not all threads of a block reach, or that they reach in different places (Fault, with file and
//   line)
//   - shared memory read before it is written: it begins as NaN, every array in a block of its own
//   - a result that depends on the order of the threads: run it in several
//   - with -fsanitize=thread, two threads that meet in memory without a barrier between them, in any order
//   - with -fsanitize=address,undefined, every overrun, of shared arrays too, and misaligned wide loads
//   - launches that would not fit the device (errors as CUDA gives them)
// What it cannot show: speed, the device's own rounding of functions such as tanh, the order of relaxed memory
// operations between blocks.
//
// Only what fastlm's kernels use is here: block barriers and dynamic shared memory; no warp intrinsics, no atomics.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>

namespace simt {

enum class Order { kForward, kReverse, kRandom };

struct Device {  // that launches must fit; an H100's figures
  int multiprocessors = 132;
  int64_t shared_bytes = 232448;  // of a block that asks for more than 48 KiB
};

struct Settings {
  Order order = Order::kForward;
  uint64_t seed = 0;  // of a random order
  Device device;
};

Settings& settings();

// What a kernel did wrong.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Index {
  unsigned x, y, z;
};

struct Extent {  // CUDA's dim3
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  uint64_t size() const { return uint64_t(x) * y * z; }
};

// Of the CUDA thread that runs now.
extern Index thread_index, block_index;
extern Extent block_extent, grid_extent;

// Runs kernel in every thread of the grid, to its end. Raises Fault.
void run(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes);

// Called by kernels.
void barrier(std::source_location where);
// The array that begins `at` bytes into the block's dynamic shared memory: the same for all its threads.
void* shared_array(int64_t at, int64_t bytes);

}  // namespace simt
