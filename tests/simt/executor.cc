// The scheduler of CUDA threads. In a ThreadSanitizer build this file is compiled without instrumentation.
#include "executor.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "fiber.h"

namespace simt {

Index thread_index, block_index;
Extent block_extent, grid_extent;

Settings& settings() {
  static Settings settings;
  return settings;
}

namespace {

// Blocks run together up to this many threads: ThreadSanitizer has 8128 at most, and takes long to make one. Races
// between blocks that do not run together are not seen.
constexpr uint64_t kThreadsTogether = 2048;

struct Array {  // of shared memory, exactly as large as the kernel says: a sanitizer sees the first byte too many
  std::unique_ptr<void, decltype(&std::free)> memory;
  int64_t bytes;
};

struct Block;

struct Thread {
  Fiber* fiber;
  Block* block;
  Index index;
  std::source_location where = {};  // the barrier at which it waits
  bool waits = false;
  int barriers = 0;  // that it has reached
};

struct Block {
  Index index;
  std::vector<Thread> threads = {};
  size_t waiting = 0, ended = 0;
  // Where threads meet, for one barrier and for the next in turn: the first ones may be at the next barrier before the
  // last ones have left this one, and do not meet them there.
  char meetings[2] = {};
  std::map<int64_t, Array> arrays = {};  // by the byte where they begin
};

Index index_at(uint64_t number, const Extent& extent) {
  return {unsigned(number % extent.x), unsigned(number / extent.x % extent.y), unsigned(number / extent.x / extent.y)};
}

std::string text_of(const Thread& thread) {
  std::ostringstream text;
  text << "thread " << thread.index.x << " of block " << thread.block->index.x << ", " << thread.block->index.y;
  if (thread.waits) text << " waits at " << thread.where.file_name() << ":" << thread.where.line();
  return text.str();
}

class Launch {
 public:
  Launch(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes)
      : kernel_(kernel), grid_(grid), block_(block), shared_bytes_(shared_bytes), random_(settings().seed) {}

  void run();
  Thread& current() { return *current_; }
  void* shared_array(int64_t at, int64_t bytes);
  void barrier(std::source_location where);

 private:
  void run_blocks(const std::vector<uint64_t>& numbers);
  void run_thread(Thread& thread);
  void leave_barrier(Block& block);
  template <class T>
  void put_in_order(std::vector<T>& items);
  uint64_t draw(uint64_t below);

  const std::function<void()>& kernel_;
  const Extent grid_, block_;
  const int64_t shared_bytes_;
  uint64_t random_;
  std::vector<Thread*> ready_;  // the next one to run at the end
  Thread* current_ = nullptr;
  std::string fault_;
  const char begin_ = 0, end_ = 0;  // meeting points of the host and the threads
};

Launch* launch = nullptr;

// Fibers are kept: making one is slow, above all for a sanitizer. After a fault they are in the middle of something.
std::vector<std::unique_ptr<Fiber>>& fibers() {
  static std::vector<std::unique_ptr<Fiber>> fibers;
  return fibers;
}

uint64_t Launch::draw(uint64_t below) {  // splitmix64 (Steele, Lea & Flood 2014)
  uint64_t z = random_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (z ^ (z >> 31)) % below;
}

// So that the first to run is at the end.
template <class T>
void Launch::put_in_order(std::vector<T>& items) {
  if (settings().order == Order::kForward) std::reverse(items.begin(), items.end());
  if (settings().order == Order::kRandom)
    for (size_t i = items.size(); i > 1; i--) std::swap(items[i - 1], items[draw(i)]);
}

void Launch::run() {
  std::vector<uint64_t> numbers(grid_.size());
  for (uint64_t i = 0; i < numbers.size(); i++) numbers[i] = i;
  put_in_order(numbers);
  std::reverse(numbers.begin(), numbers.end());
  const uint64_t together = std::max<uint64_t>(1, kThreadsTogether / block_.size());
  for (uint64_t first = 0; first < numbers.size(); first += together)
    run_blocks({numbers.begin() + first, numbers.begin() + std::min(numbers.size(), first + together)});
}

void Launch::run_blocks(const std::vector<uint64_t>& numbers) {
  std::vector<std::unique_ptr<Block>> blocks;
  while (fibers().size() < numbers.size() * block_.size()) fibers().push_back(std::make_unique<Fiber>());
  size_t next_fiber = 0;
  ready_.clear();
  for (const uint64_t number : numbers) {
    auto& block = *blocks.emplace_back(std::make_unique<Block>(Block{index_at(number, grid_)}));
    block.threads.reserve(block_.size());
    for (uint64_t i = 0; i < block_.size(); i++) {
      Fiber* fiber = fibers()[next_fiber++].get();
      block.threads.push_back({fiber, &block, index_at(i, block_)});
      ready_.push_back(&block.threads.back());
      fiber->assign([this] {
        happens_after(&begin_);
        kernel_();
        happens_before(&end_);
      });
    }
  }
  put_in_order(ready_);
  happens_before(&begin_);
  while (!ready_.empty() && fault_.empty()) {
    if (settings().order == Order::kRandom) std::swap(ready_.back(), ready_[draw(ready_.size())]);
    Thread* thread = ready_.back();
    ready_.pop_back();
    run_thread(*thread);
  }
  happens_after(&end_);
  if (!fault_.empty()) {
    fibers().clear();
    throw Fault(fault_);
  }
}

void Launch::run_thread(Thread& thread) {
  Block& block = *thread.block;
  current_ = &thread;
  thread_index = thread.index, block_index = block.index;
  block_extent = block_, grid_extent = grid_;
  thread.fiber->resume();
  if (!fault_.empty()) return;
  if (thread.fiber->done()) block.ended++;
  if (thread.waits) block.waiting++;
  if (block.waiting + block.ended < block.threads.size() || block.waiting == 0) return;
  const auto waits = [](const Thread& t) { return t.waits; };
  const Thread& waiter = *std::find_if(block.threads.begin(), block.threads.end(), waits);
  if (block.ended > 0) {
    const Thread& gone = *std::find_if_not(block.threads.begin(), block.threads.end(), waits);
    fault_ = "deadlock: " + text_of(waiter) + ", but " + text_of(gone) + " has ended";
    return;
  }
  for (const Thread& other : block.threads)
    if (other.where.line() != waiter.where.line() || other.where.column() != waiter.where.column()) {
      fault_ = "divergent barrier: " + text_of(waiter) + ", but " + text_of(other);
      return;
    }
  leave_barrier(block);
}

void Launch::leave_barrier(Block& block) {
  std::vector<Thread*> threads;
  for (Thread& thread : block.threads) thread.waits = false, threads.push_back(&thread);
  block.waiting = 0;
  put_in_order(threads);
  ready_.insert(ready_.end(), threads.begin(), threads.end());
}

void Launch::barrier(std::source_location where) {
  Thread& thread = *current_;
  thread.where = where, thread.waits = true;
  const char* meeting = &thread.block->meetings[thread.barriers++ % 2];
  happens_before(meeting);
  thread.fiber->pause();
  happens_after(meeting);
}

void* Launch::shared_array(int64_t at, int64_t bytes) {
  auto& arrays = current_->block->arrays;
  auto found = arrays.find(at);
  if (at + bytes > shared_bytes_)
    fault_ = text_of(*current_) + " takes shared memory up to byte " + std::to_string(at + bytes) + " of " +
             std::to_string(shared_bytes_);
  else if (found != arrays.end() && found->second.bytes != bytes)
    fault_ = text_of(*current_) + " takes " + std::to_string(bytes) +
             " bytes of shared memory where another thread took " + std::to_string(found->second.bytes);
  if (!fault_.empty()) {
    happens_before(&end_);
    current_->fiber->pause();  // for good
  }
  if (found == arrays.end()) {
    const Unobserved poisoning;
    auto* memory = static_cast<volatile unsigned char*>(std::malloc(size_t(std::max<int64_t>(bytes, 1))));
    for (int64_t i = 0; i < bytes; i++) memory[i] = 0xFF;  // NaN, as float and as double
    found = arrays.emplace(at, Array{{const_cast<unsigned char*>(memory), &std::free}, bytes}).first;
  }
  return found->second.memory.get();
}

}  // namespace

void run(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes) {
  Launch here(kernel, grid, block, shared_bytes);
  launch = &here;
  here.run();
  launch = nullptr;
}

void barrier(std::source_location where) { launch->barrier(where); }

void* shared_array(int64_t at, int64_t bytes) { return launch->shared_array(at, bytes); }

}  // namespace simt
