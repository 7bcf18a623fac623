// The scheduler: which CUDA threads run together, and which one runs next.
#include "machine.h"

namespace simt {

Index thread_index, block_index;
Extent block_extent, grid_extent;

Settings& settings() {
  static Settings settings;
  return settings;
}

namespace {

// Blocks that need not run together do so up to this many threads: making a fiber takes ThreadSanitizer long. Races
// between blocks that do not run together are not seen.
constexpr uint64_t kThreadsTogether = 2048;
#ifdef SIMT_TSAN
constexpr uint64_t kThreadsAtMost = 4096;  // it has 8128 in all, and counts those that have just ended
#endif

constexpr uint64_t kRecent = 64;  // threads from which a random order mostly draws

// Fibers are kept: making one is slow, above all for a sanitizer. But not those that a fault left in the middle of
// something.
std::vector<std::unique_ptr<Fiber>>& fibers() {
  static std::vector<std::unique_ptr<Fiber>> fibers;
  return fibers;
}

Index index_at(uint64_t number, const Extent& extent) {
  return {unsigned(number % extent.x), unsigned(number / extent.x % extent.y), unsigned(number / extent.x / extent.y)};
}

Extent divide(const Extent& grid, const Extent& cluster) {
  return {grid.x / cluster.x, grid.y / cluster.y, grid.z / cluster.z};
}

}  // namespace

Launch* launch = nullptr;

Launch::Launch(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes, Together together)
    : kernel_(kernel),
      grid_(grid),
      block_(block),
      shared_bytes_(shared_bytes),
      together_(together),
      random_(settings().seed) {}

uint64_t Launch::draw(uint64_t below) {  // splitmix64 (Steele, Lea & Flood 2014)
  uint64_t z = random_ += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return (z ^ (z >> 31)) % below;
}

void Launch::run() {
  const Unobserved machine;  // what threads allocate, or leave behind after a fault, is given back here
  const Order order = settings().order;
  std::vector<uint64_t> numbers(grid_.size() / together_.cluster.size());
  for (uint64_t i = 0; i < numbers.size(); i++) numbers[i] = order == Order::kReverse ? numbers.size() - 1 - i : i;
  if (order == Order::kRandom)
    for (size_t i = numbers.size(); i > 1; i--) std::swap(numbers[i - 1], numbers[draw(i)]);
  const uint64_t threads = block_.size() * together_.cluster.size();
  const uint64_t together = together_.cooperative ? numbers.size() : std::max<uint64_t>(1, kThreadsTogether / threads);
#ifdef SIMT_TSAN
  if (const uint64_t least = std::min<uint64_t>(numbers.size(), together) * threads; least > kThreadsAtMost)
    throw Fault(std::to_string(least) + " threads must run together, but under ThreadSanitizer at most " +
                std::to_string(kThreadsAtMost) + " can: launch fewer or smaller blocks");
#endif
  for (uint64_t first = 0; first < numbers.size(); first += together)
    run_clusters({numbers.begin() + first, numbers.begin() + std::min(numbers.size(), first + together)});
}

void Launch::populate(std::span<const uint64_t> numbers) {
  const Extent cluster = together_.cluster, clusters = divide(grid_, cluster);
  const size_t blocks = numbers.size() * cluster.size(), threads = blocks * block_.size();
  const size_t warps = (block_.size() + kLanes - 1) / kLanes;  // of a block
  clusters_.clear(), blocks_.clear(), warps_.clear(), threads_.clear();
  clusters_.reserve(numbers.size()), blocks_.reserve(blocks), warps_.reserve(blocks * warps);
  threads_.reserve(threads);
  while (fibers().size() < threads) fibers().push_back(std::make_unique<Fiber>());
  for (const uint64_t number : numbers) {
    const size_t first_thread = threads_.size();
    clusters_.push_back({{blocks_.data() + blocks_.size(), cluster.size()}});
    const Index base = index_at(number, clusters);
    for (uint32_t rank = 0; rank < cluster.size(); rank++) {
      const Index offset = index_at(rank, cluster);
      const Index index = {base.x * cluster.x + offset.x, base.y * cluster.y + offset.y, base.z * cluster.z + offset.z};
      blocks_.push_back({index, &clusters_.back(), rank});
      Block& block = blocks_.back();
      block.threads = {threads_.data() + threads_.size(), block_.size()};
      for (uint64_t i = 0; i < block_.size(); i++) {
        if (i % kLanes == 0) {
          warps_.push_back({block.threads.subspan(i, std::min<uint64_t>(kLanes, block_.size() - i))});
          warps_.back().gatherings.reserve(kLanes);
        }
        Fiber* fiber = fibers()[threads_.size()].get();
        threads_.push_back({fiber, &block, &warps_.back(), unsigned(i % kLanes), index_at(i, block_)});
        fiber->assign([this] {
          happens_after(&begin_);
          kernel_();
          end_thread();
          happens_before(&end_);
        });
      }
    }
    clusters_.back().threads = {threads_.data() + first_thread, threads_.size() - first_thread};
  }
}

void Launch::run_clusters(std::span<const uint64_t> numbers) {
  populate(numbers);
  grid_barrier_ = {};
  ready_.clear(), polling_.clear();
  ready_.reserve(threads_.size()), polling_.reserve(threads_.size());
  make_ready(threads_, Wait::kNothing);
  happens_before(&begin_);
  size_t ended = 0;
  while (fault_.empty() && (!ready_.empty() || wake_pollers())) {
    if (settings().order == Order::kRandom) draw_next();
    Thread* thread = ready_.back();
    ready_.pop_back();
    run_thread(*thread);
    ended += thread->ended;
  }
  if (fault_.empty() && ended < threads_.size()) fault_ = deadlock();
  if (!fault_.empty()) give_up();
  happens_after(&end_);
  if (!fault_.empty()) throw Fault(fault_);
}

// Mostly one of those that became ready last: so some warps and blocks run far ahead of others, and the stacks of those
// that take turns fit into the cache.
void Launch::draw_next() {
  const uint64_t number = draw(16 * kRecent), all = ready_.size();
  const uint64_t back = number < kRecent ? draw(all) : number % std::min<uint64_t>(all, kRecent);
  std::swap(ready_.back(), ready_[all - 1 - back]);
}

// Every thread that has begun stops where it is, after having said that what it did is over.
void Launch::give_up() {
  for (Thread& thread : threads_)
    if (thread.begun && !thread.ended && !thread.stopped) run_thread(thread);
  std::erase_if(fibers(), [](const auto& fiber) { return !fiber->done(); });
}

void Launch::run_thread(Thread& thread) {
  current_ = &thread;
  thread.begun = true;
  thread_index = thread.index, block_index = thread.block->index;
  block_extent = block_, grid_extent = grid_;
  thread.fiber->resume();
}

void Launch::end_thread() {
  Thread& thread = *current_;
  Block& block = *thread.block;
  thread.ended = true;
  progress_++;
  happens_before(&block.end);
  if (++block.ended == block.threads.size()) {
    happens_after(&block.end);
    end_of_shared_memory(block);
  }
}

void Launch::pause(Wait wait, Where where) {
  Thread& thread = *current_;
  thread.wait = wait, thread.where = where;
  thread.atomics = 0;
  thread.fiber->pause();
  if (!fault_.empty()) stop_here();
}

void Launch::give_way() {
  if (settings().order != Order::kRandom) return;
  ready_.push_back(current_);
  pause(Wait::kNothing, current_->where);
}

// Whether threads that become ready together go on in reverse.
bool Launch::backwards() {
  return settings().order == Order::kReverse || (settings().order == Order::kRandom && draw(2) == 0);
}

// Those that wait for what has come.
void Launch::make_ready(std::span<Thread> threads, Wait waiting) {
  const auto add = [&](Thread& thread) {
    if (thread.wait != waiting) return;
    thread.wait = Wait::kNothing;
    ready_.push_back(&thread);
  };
  if (backwards())
    for (Thread& thread : threads) add(thread);
  else
    for (size_t i = threads.size(); i-- > 0;) add(threads[i]);
}

void Launch::stop_here() {
  current_->stopped = true;
  happens_before(&end_);
  current_->fiber->pause();  // for good
  std::abort();
}

void run(const std::function<void()>& kernel, Extent grid, Extent block, int64_t shared_bytes, Together together) {
  struct Current {
    explicit Current(Launch* here) { launch = here; }
    ~Current() { launch = nullptr; }
  };
  Launch here(kernel, grid, block, shared_bytes, together);
  const Current current(&here);
  here.run();
}

void barrier(Where where) { launch->barrier(where); }
void grid_barrier(Where where) { launch->grid_barrier(where); }
void cluster_arrive(Where where) { launch->cluster_arrive(where); }
void cluster_wait(Where where) { launch->cluster_wait(where); }
uint32_t cluster_rank() { return launch->cluster_rank(); }
void* shared_array(int64_t at, int64_t bytes) { return launch->shared_array(at, bytes); }
void* in_block(const void* shared, uint32_t rank, Where where) { return launch->in_block(shared, rank, where); }
void poll(const uint32_t* counter, Where where) { launch->poll(counter, where); }
void changed(const void* address) { launch->changed(address); }
void fence() { launch->fence(); }
bool copy_async(void* shared, const void* global, Where where) { return launch->copy_async(shared, global, where); }
void commit_async() { launch->commit_async(); }
Copy copy_due(int n) { return launch->copy_due(n); }

uint64_t shuffle(Shuffle shuffle, uint32_t mask, uint64_t value, int operand, int width, Where where) {
  Lane& lane = launch->lane();
  lane.shuffle = shuffle, lane.value = value, lane.operand = operand, lane.width = width;
  launch->gather(mask, Collective::kShuffle, where);
  return lane.result;
}

uint32_t vote(uint32_t mask, bool yes, Where where) {
  Lane& lane = launch->lane();
  lane.value = yes;
  launch->gather(mask, Collective::kVote, where);
  return uint32_t(lane.result);
}

void warp_barrier(uint32_t mask, Where where) { launch->gather(mask, Collective::kBarrier, where); }

void multiply(Matrix type, float* d, const uint32_t* a, const uint32_t* b, Where where) {
  Lane& lane = launch->lane();
  lane.d = d, lane.a = a, lane.b = b;
  const auto collective = type == Matrix::kHalf       ? Collective::kHalf
                          : type == Matrix::kBFloat16 ? Collective::kBFloat16
                                                      : Collective::kTf32;
  launch->gather(~0u, collective, where);
}

}  // namespace simt
