// Runs CUDA kernels on one CPU thread: every CUDA thread is a fiber, in an order that the test chooses.
//
// The kernels' source is compiled unchanged by g++ against tests/simt/cuda, whose headers call what is declared here.
// README.md says what is found, what cannot be, and how another project uses it.
#pragma once

#include <cstdint>
#include <functional>
#include <source_location>
#include <stdexcept>

namespace simt {

enum class Order { kForward, kReverse, kRandom };

struct Device {  // that launches must fit; an H100's figures
  int multiprocessors = 132;
  int64_t shared_bytes = 232448;  // of a block that asks for more than 48 KiB; a multiprocessor has 1 KiB more
  int threads_per_multiprocessor = 2048;
  int blocks_per_multiprocessor = 32;
  int major = 9, minor = 0;  // compute capability; clusters from 9.0 on
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
  constexpr uint64_t size() const { return uint64_t(x) * y * z; }
};

// Of the CUDA thread that runs now.
extern Index thread_index, block_index;
extern Extent block_extent, grid_extent;

// Which blocks may count on running together: all of them, those of a cluster, or only a block's own threads.
struct Together {
  bool cooperative = false;
  Extent cluster = {};  // divides the grid
};

// Runs kernel in every thread of the grid, to its end. Raises Fault.
void run(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes, Together together = {});

// The rest is called by kernels, through CUDA's words. `where` is for the messages.
using Where = std::source_location;

// Barriers of a block, of a cooperative grid, and of a cluster, the last in two halves.
void barrier(Where where);
void grid_barrier(Where where);
void cluster_arrive(Where where);
void cluster_wait(Where where);
uint32_t cluster_rank();

// The array that begins `at` bytes into the block's dynamic shared memory: the same for all its threads.
void* shared_array(int64_t at, int64_t bytes);
// The place in the block of that rank that is `shared` in this one.
void* in_block(const void* shared, uint32_t rank, Where where);

// What the lanes of a mask do together: they exchange values, which orders no memory, or wait for one another, which
// does.
enum class Shuffle { kIndex, kUp, kDown, kXor };
uint64_t shuffle(Shuffle shuffle, uint32_t mask, uint64_t value, int operand, int width, Where where);
uint32_t vote(uint32_t mask, bool yes, Where where);  // of the lanes that say yes, by bits
void warp_barrier(uint32_t mask, Where where);

enum class Matrix { kHalf, kBFloat16, kTf32 };
void multiply(Matrix type, float* d, const uint32_t* a, const uint32_t* b, Where where);

// Before a thread reads a counter on which it waits: others run. Raises a fault where that is in vain.
void poll(const uint32_t* counter, Where where);
// After an atomic operation on it: who polls it goes on.
void changed(const void* address);
// A fence orders what a thread did before it with what others do after fences that come later.
void fence();

// A copy of 16 bytes to shared memory that lands when its thread waits for it, or at once: true. Until it lands, nobody
// may read or write there.
bool copy_async(void* shared, const void* global, Where where);
void commit_async();
struct Copy {
  void* to = nullptr;
  const void* from = nullptr;
  uint64_t group = 0;
};
// The next copy that must land if all groups but the last n are to be there; to is null: all are.
Copy copy_due(int n);

}  // namespace simt
