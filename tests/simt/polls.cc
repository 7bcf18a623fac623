// Waiting for a counter in global memory, and what ends it.
//
// A thread that finds the same value again is set aside, until somebody changes it or nobody else can run. So a spin
// loop costs little; and when all who are left have polled many times and nothing has happened, nothing ever will.
#include "machine.h"

namespace simt {
namespace {

constexpr unsigned kRounds = 1000;      // a thread may read a counter that is as it should be so many times in a row
constexpr unsigned kAtomics = 1 << 12;  // after so many, a thread that spins with them lets others run

}  // namespace

void Launch::poll(const uint32_t* counter, Where where) {
  Thread& thread = *current_;
  give_way();
  if (thread.polled == counter && thread.polled_value == *counter) {
    polling_.push_back(&thread);
    pause(Wait::kPoll, where);
  }
  thread.polled = counter, thread.polled_value = *counter;
}

void Launch::changed(const void* address) {
  progress_++;
  // In reverse order pollers go on as late as can be, in the other orders at once.
  if (!polling_.empty() && settings().order != Order::kReverse)
    std::erase_if(polling_, [&](Thread* thread) {
      if (thread->polled != address) return false;
      thread->wait = Wait::kNothing;
      ready_.push_back(thread);
      return true;
    });
  if (++current_->atomics > kAtomics) {
    ready_.insert(ready_.begin(), current_);
    pause(Wait::kNothing, current_->where);
  }
}

// When nobody else can run: false if that has been in vain.
bool Launch::wake_pollers() {
  for (const Thread* thread : polling_)
    if (*thread->polled != thread->polled_value) progress_++;  // a plain store
  if (progress_ != progress_then_) in_vain_ = 0;
  progress_then_ = progress_;
  if (polling_.empty() || in_vain_++ == kRounds) return false;
  for (Thread* thread : polling_) {
    thread->wait = Wait::kNothing;
    ready_.push_back(thread);
  }
  polling_.clear();
  return true;
}

void Launch::fence() {
  happens_before(&fence_);
  happens_after(&fence_);
}

}  // namespace simt
