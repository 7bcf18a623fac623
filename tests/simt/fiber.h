// A fiber: a function with a stack of its own, which the scheduler resumes and which pauses itself.
//
// The sanitizers are told of every switch. For ThreadSanitizer a fiber is a thread, and a switch orders nothing: only
// what is declared with happens_before/happens_after does. So two CUDA threads that touch the same memory without a
// barrier between them are reported as a race, whatever the order in which they really ran.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace simt {

class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;

  // Runs work from the next resume() on. The fiber must be idle: new, or its work done.
  void assign(std::function<void()> work);
  // Called by the scheduler: runs the fiber until it pauses or its work is done.
  void resume();
  // Called by the fiber: back to the scheduler.
  void pause();

  bool done() const { return done_; }

 private:
  struct Context;  // of the machine and the sanitizers
  [[noreturn]] static void run(Fiber* self);

  std::unique_ptr<Context> context_;
  std::function<void()> work_;
  bool done_ = true;
};

// What the current fiber did before happens_before(x) is over for one that calls happens_after(x) later.
void happens_before(const void* meeting);
void happens_after(const void* meeting);

// While it lives, what the current fiber writes, allocates and frees is the machine's, not the program's.
struct Unobserved {
  Unobserved();
  ~Unobserved();
};

}  // namespace simt
