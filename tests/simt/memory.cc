// Shared memory: arrays of exact size, those of other blocks of a cluster, and copies that land later.
#include <cstdio>

#include "machine.h"

#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#endif
#ifdef SIMT_TSAN
extern "C" void __tsan_write_range(void* memory, unsigned long bytes);
#endif

namespace simt {
namespace {

constexpr uint64_t kLandsEarly = 4;  // one copy in so many, in a random order
const char* const kGone = "distributed shared memory of a block that has ended";

void fill_with_nan(const Array& array) {  // as float and as double
  const Unobserved poisoning;
  volatile char* memory = array.memory.get();
  for (int64_t i = 0; i < array.bytes; i++) memory[i] = char(0xFF);
}

}  // namespace

Array& Launch::allocate(Block& block, int64_t at, int64_t bytes) {
  const Unobserved allocating;
  char* memory = static_cast<char*>(std::malloc(size_t(std::max<int64_t>(bytes, 1))));
  block.arrays.push_back({at, bytes, {memory, &std::free}});
  fill_with_nan(block.arrays.back());
  return block.arrays.back();
}

void* Launch::shared_array(int64_t at, int64_t bytes) {
  if (at + bytes > shared_bytes_)
    stop([&] {
      return text_of(*current_) + " takes shared memory up to byte " + std::to_string(at + bytes) + " of " +
             std::to_string(shared_bytes_);
    });
  Block& block = *current_->block;
  for (const Array& array : block.arrays) {
    if (array.at != at) continue;
    if (array.bytes != bytes)
      stop([&] {
        return text_of(*current_) + " takes " + std::to_string(bytes) +
               " bytes of shared memory where another thread took " + std::to_string(array.bytes);
      });
    return array.memory.get();
  }
  return allocate(block, at, bytes).memory.get();
}

const Array* Launch::array_of(const Block& block, const void* pointer) const {
  const auto address = reinterpret_cast<uintptr_t>(pointer);
  for (const Array& array : block.arrays) {
    const auto begin = reinterpret_cast<uintptr_t>(array.memory.get());
    if (begin <= address && address < begin + uintptr_t(std::max<int64_t>(array.bytes, 1))) return &array;
  }
  return nullptr;
}

void* Launch::in_block(const void* shared, uint32_t rank, Where where) {
  Block& block = *current_->block;
  const std::span<Block> blocks = block.cluster->blocks;
  const auto fault = [&](const std::string& what) {
    return text_of(*current_) + " at " + text_of(where) + ": " + what;
  };
  if (rank >= blocks.size())
    stop([&] {
      return fault("the cluster has " + std::to_string(blocks.size()) + " blocks, and none of rank " +
                   std::to_string(rank));
    });
  const Array* mine = array_of(block, shared);
  if (!mine) stop([&] { return fault("not an address in the shared memory of its block"); });
  Block& peer = blocks[rank];
  if (peer.ended == peer.threads.size()) stop([&] { return fault(kGone); });
  const int64_t offset = static_cast<const char*>(shared) - mine->memory.get();
  for (const Array& array : peer.arrays)
    if (array.at == mine->at) {
      if (array.bytes != mine->bytes)
        stop([&] {
          return fault("the array has " + std::to_string(mine->bytes) + " bytes, but " + std::to_string(array.bytes) +
                       " in the block of rank " + std::to_string(rank));
        });
      return array.memory.get() + offset;
    }
  return allocate(peer, mine->at, mine->bytes).memory.get() + offset;
}

// Others may still touch what was the block's: AddressSanitizer reports it, and ThreadSanitizer whoever could have.
// Without them they read NaN.
void Launch::end_of_shared_memory(Block& block) {
  if (block.cluster->blocks.size() == 1) return;
  for (const Array& array : block.arrays) {
#ifdef SIMT_TSAN
    __tsan_write_range(array.memory.get(), size_t(array.bytes));
#endif
    fill_with_nan(array);
#ifdef SIMT_ASAN
    __asan_poison_memory_region(array.memory.get(), size_t(array.bytes));
#endif
  }
}

std::string Launch::whose(const void* pointer) const {
  for (const Block& block : blocks_)
    if (array_of(block, pointer))
      return block.ended == block.threads.size() ? kGone : "shared memory of a block that runs";
  return {};
}

bool Launch::copy_async(void* shared, const void* global, Where where) {
  const auto fault = [&](const std::string& what) {
    return text_of(*current_) + " at " + text_of(where) + ": " + what;
  };
  if ((reinterpret_cast<uintptr_t>(shared) | reinterpret_cast<uintptr_t>(global)) % 16 != 0)
    stop([&] { return fault("an asynchronous copy from or to a misaligned address"); });
  const Array* array = array_of(*current_->block, shared);
  if (!array) stop([&] { return fault("an asynchronous copy to what is not shared memory of the block"); });
  if (settings().order == Order::kRandom && draw(kLandsEarly) == 0) return true;
  const Unobserved allocating;
  current_->copies.push_back({shared, global, current_->groups});
  return false;
}

Copy Launch::copy_due(int n) {
  Thread& thread = *current_;
  if (thread.first_copy < thread.copies.size()) {
    const Copy& next = thread.copies[thread.first_copy];
    if (next.group + uint64_t(n) < thread.groups) {
      thread.first_copy++;
      return next;
    }
  } else {
    thread.copies.clear();
    thread.first_copy = 0;
  }
  return {};
}

}  // namespace simt

#ifdef SIMT_ASAN
// AddressSanitizer calls it before its report.
extern "C" void __asan_on_error() {
  if (!simt::launch) return;
  const std::string whose = simt::launch->whose(__asan_get_report_address());
  if (!whose.empty()) std::fprintf(stderr, "simt: %s\n", whose.c_str());
}
#endif
