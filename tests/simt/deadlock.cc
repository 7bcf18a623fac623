// What to say when nobody can go on: who waits, where, and for whom.
#include <cstring>
#include <sstream>

#include "machine.h"

namespace simt {

bool same_place(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() &&
         (a.file_name() == b.file_name() || std::strcmp(a.file_name(), b.file_name()) == 0);
}

std::string text_of(const std::source_location& where) {
  return where.file_name() + (":" + std::to_string(where.line()));
}

std::string text_of(const Thread& thread) {
  std::ostringstream text;
  text << "thread " << thread.index.x;
  if (thread.index.y + thread.index.z > 0) text << ", " << thread.index.y << ", " << thread.index.z;
  text << " of block " << thread.block->index.x << ", " << thread.block->index.y;
  if (thread.block->index.z > 0) text << ", " << thread.block->index.z;
  if (thread.ended)
    text << " has ended";
  else if (thread.wait != Wait::kNothing)
    text << (thread.wait == Wait::kPoll ? " polls at " : " waits at ") << text_of(thread.where);
  return text.str();
}

// The first thread that the waiter lacks.
const Thread* Launch::missing(const Thread& waiter) const {
  const auto first = [](std::span<const Thread> threads, const auto& lacks) -> const Thread* {
    const auto found = std::find_if(threads.begin(), threads.end(), lacks);
    return found == threads.end() ? nullptr : &*found;
  };
  switch (waiter.wait) {
    case Wait::kBlock:
    case Wait::kGrid: {
      const std::span<const Thread> all =
          waiter.wait == Wait::kBlock ? std::span<const Thread>(waiter.block->threads) : threads_;
      return first(all, [&](const Thread& t) { return t.wait != waiter.wait; });
    }
    case Wait::kCluster:
      return first(waiter.block->cluster->threads, [](const Thread& t) { return !t.arrived; });
    case Wait::kWarp: {
      for (const Gathering& gathering : waiter.warp->gatherings)
        if (gathering.mask >> waiter.lane_number & gathering.arrived >> waiter.lane_number & 1)
          return first(waiter.warp->threads,
                       [&](const Thread& t) { return (gathering.mask & ~gathering.arrived) >> t.lane_number & 1; });
      return nullptr;
    }
    default:
      return nullptr;
  }
}

std::string Launch::deadlock() const {
  const Thread* waiter = nullptr;
  for (const Thread& thread : threads_)  // best one that can say for whom it waits
    if (!thread.ended && (!waiter || (!missing(*waiter) && missing(thread)))) waiter = &thread;
  std::string text = "deadlock: " + text_of(*waiter);
  if (const Thread* gone = missing(*waiter)) {
    text += ", but " + text_of(*gone);
    waiter = gone;
  }
  if (waiter->wait == Wait::kPoll) {
    text += " and what is there stays " + std::to_string(*waiter->polled);
    if (blocks_.size() < grid_.size())
      text += " (" + std::to_string(blocks_.size()) + " of the " + std::to_string(grid_.size()) +
              " blocks run together: only those of a cluster or of a cooperative launch surely do)";
  }
  return text;
}

}  // namespace simt
