// The executor from within: threads, warps, blocks and clusters of a launch, and how each goes on.
//
// In a ThreadSanitizer build the files that include this are compiled without instrumentation: the machine is not the
// program. What orders the program's memory is said with happens_before and happens_after alone.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "executor.h"
#include "fiber.h"

namespace simt {

inline constexpr unsigned kLanes = 32;

struct Block;
struct Warp;

enum class Wait { kNothing, kBlock, kGrid, kCluster, kWarp, kPoll };

// What a lane brings to a collective of its warp, and what it takes from it.
struct Lane {
  uint64_t value = 0, result = 0;
  Shuffle shuffle = {};
  int operand = 0, width = 0;
  float* d = nullptr;
  const uint32_t *a = nullptr, *b = nullptr;
};

struct Thread {
  Fiber* fiber;
  Block* block;
  Warp* warp;
  unsigned lane_number;
  Index index;

  Wait wait = Wait::kNothing;
  std::source_location where = {};  // it waits, or waited last
  bool begun = false, ended = false, stopped = false;

  Lane lane = {};

  bool arrived = false;       // at the cluster's barrier, and has not waited yet
  unsigned arrived_pass = 0;  // which time that is
  std::source_location arrived_where = {};

  const uint32_t* polled = nullptr;  // last, and what was there
  uint32_t polled_value = 0;
  unsigned atomics = 0;  // since another thread ran

  std::vector<Copy> copies = {};  // under way, in order; those before first_copy have landed
  size_t first_copy = 0;
  uint64_t groups = 0;  // committed
};

// Where threads meet, for one time and for the next in turn: the first ones may be at the next time before the last
// ones have left this one, and do not meet them there.
struct Barrier {
  size_t arrived = 0;
  unsigned passed = 0;
  char meetings[2] = {};

  const char* meeting(unsigned pass) const { return &meetings[pass % 2]; }
};

enum class Collective { kShuffle, kVote, kBarrier, kHalf, kBFloat16, kTf32 };

struct Gathering {  // of the lanes of a mask, while some are missing
  uint32_t mask, arrived;
  Collective collective;
  std::source_location where;  // of the first
  const char* meeting;         // for a barrier
};

struct Warp {
  std::span<Thread> threads;
  std::vector<Gathering> gatherings = {};  // one, unless masks divide the warp
  // Meeting points in turn, by the first lane of the mask: it is in all that meet there, so they are in order anyway.
  char meetings[kLanes][4] = {};
  uint8_t gathered[kLanes] = {};
};

struct Array {  // of shared memory, exactly as large as the kernel says: a sanitizer sees the first byte too many
  int64_t at, bytes;
  std::unique_ptr<char, decltype(&std::free)> memory;
};

struct Cluster;

struct Block {
  Index index;
  Cluster* cluster;
  uint32_t rank;  // in its cluster
  std::span<Thread> threads = {};
  size_t ended = 0;
  Barrier barrier = {};
  std::vector<Array> arrays = {};
  char end = 0;  // the meeting point of its threads when they have ended
};

struct Cluster {
  std::span<Block> blocks;
  std::span<Thread> threads = {};
  Barrier barrier = {};
};

class Launch {
 public:
  Launch(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes, Together together);

  void run();

  // Called on a thread's fiber.
  void barrier(Where where);
  void grid_barrier(Where where);
  void cluster_arrive(Where where);
  void cluster_wait(Where where);
  uint32_t cluster_rank() const { return current_->block->rank; }
  void* shared_array(int64_t at, int64_t bytes);
  void* in_block(const void* shared, uint32_t rank, Where where);
  Lane& lane() { return current_->lane; }
  // Returns when all lanes of the mask have come.
  void gather(uint32_t mask, Collective collective, Where where);
  void poll(const uint32_t* counter, Where where);
  void changed(const void* address);
  void fence();
  bool copy_async(void* shared, const void* global, Where where);
  void commit_async() { current_->groups++; }
  Copy copy_due(int n);
  std::string whose(const void* pointer) const;  // shared memory, if it is

 private:
  // scheduler.cc
  void run_clusters(std::span<const uint64_t> numbers);
  void populate(std::span<const uint64_t> numbers);
  void draw_next();
  void run_thread(Thread& thread);
  void end_thread();
  void give_up();
  void pause(Wait wait, Where where);
  void give_way();  // a scheduling point: in a random order another thread may run
  bool backwards();
  void make_ready(std::span<Thread> threads, Wait waiting);
  uint64_t draw(uint64_t below);
  // Ends the launch with the fault that make says. The fiber is never resumed, so nothing of its stack is destroyed:
  // the text must be made within.
  template <class Make>
  [[noreturn]] void stop(const Make& make) {
    fault_ = make();
    stop_here();
  }
  [[noreturn]] void stop_here();

  // deadlock.cc
  std::string deadlock() const;
  const Thread* missing(const Thread& waiter) const;

  // barriers.cc
  void meet(Barrier& barrier, std::span<Thread> all, Wait wait, Where where);
  void release(Cluster& cluster);

  // warps.cc
  void complete(Warp& warp, const Gathering& gathering);
  void exchange(Warp& warp, uint32_t mask);
  void multiply(Warp& warp, Matrix type);

  // polls.cc
  bool wake_pollers();

  // memory.cc
  Array& allocate(Block& block, int64_t at, int64_t bytes);
  const Array* array_of(const Block& block, const void* pointer) const;
  void end_of_shared_memory(Block& block);

  const std::function<void()>& kernel_;
  const Extent grid_, block_;
  const int64_t shared_bytes_;
  const Together together_;
  uint64_t random_;

  // Of the blocks that run now, in order: a block's threads, and a cluster's blocks, lie side by side.
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<Block> blocks_;
  std::vector<Cluster> clusters_;
  Barrier grid_barrier_;

  std::vector<Thread*> ready_;    // the next one to run at the end
  std::vector<Thread*> polling_;  // for something that has not changed
  uint64_t progress_ = 0;         // counts what may end somebody's waiting
  uint64_t progress_then_ = 0;    // when the pollers were woken last
  unsigned in_vain_ = 0;          // how often they were, without progress
  Thread* current_ = nullptr;
  std::string fault_;
  const char begin_ = 0, end_ = 0, fence_ = 0;  // meeting points: of the host and the threads, of fences
};

extern Launch* launch;  // the one under way

bool same_place(const std::source_location& a, const std::source_location& b);
std::string text_of(const std::source_location& where);  // file:line
std::string text_of(const Thread& thread);               // thread 3 of block 0, 1 waits at file:line

}  // namespace simt
