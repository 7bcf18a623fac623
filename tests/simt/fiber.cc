// Switching stacks: a few instructions on x86-64, ucontext elsewhere; and the calls that tell the sanitizers.
//
// In a ThreadSanitizer build this file is compiled without instrumentation.
#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>
#include <utility>

#if !defined(__x86_64__) || defined(SIMT_UCONTEXT)
#include <ucontext.h>
#define SIMT_UCONTEXT 1
#endif

#ifdef SIMT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef SIMT_TSAN
#include <sanitizer/tsan_interface.h>
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);
#endif

#ifndef SIMT_UCONTEXT
// simt_switch(save, to): pushes what a function must keep, leaves the stack at *save, goes on where `to` was left.
extern "C" void simt_switch(void** save, void* to);
// Where a new stack begins: calls the function in r12 with what is in rbx.
extern "C" void simt_begin();
asm(R"(
.text
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size simt_switch, . - simt_switch
.type simt_begin, @function
simt_begin:
  movq %rbx, %rdi
  call *%r12
.size simt_begin, . - simt_begin
)");
#endif

namespace simt {
namespace {

#if defined(SIMT_ASAN) || defined(SIMT_TSAN)
constexpr size_t kStackBytes = 256 * 1024;  // sanitizers make frames larger
#else
constexpr size_t kStackBytes = 64 * 1024;
#endif

}  // namespace

struct Fiber::Context {
  char* stack = nullptr;
#ifdef SIMT_UCONTEXT
  ucontext_t fiber, scheduler;
#else
  void *fiber = nullptr, *scheduler = nullptr;  // stack pointers
#endif
#ifdef SIMT_ASAN
  void *fiber_fake = nullptr, *scheduler_fake = nullptr;
  const void* scheduler_stack = nullptr;
  size_t scheduler_bytes = 0;
#endif
#ifdef SIMT_TSAN
  void *fiber_thread = __tsan_create_fiber(0), *scheduler_thread = nullptr;
#endif

  void prepare(Fiber* self) {
#ifdef SIMT_UCONTEXT
    getcontext(&fiber);
    fiber.uc_stack.ss_sp = stack;
    fiber.uc_stack.ss_size = kStackBytes;
    const auto address = reinterpret_cast<uintptr_t>(self);
    const auto entry = +[](unsigned high, unsigned low) { run(reinterpret_cast<Fiber*>(uintptr_t(high) << 32 | low)); };
    makecontext(&fiber, reinterpret_cast<void (*)()>(entry), 2, unsigned(address >> 32), unsigned(address));
#else
    // Not all at the same place of a page: caches have few lines for what is.
    static unsigned number = 0;
    void** top = reinterpret_cast<void**>(stack + kStackBytes - number++ % 13 * 320);
    const auto push = [&](auto* value) { *--top = reinterpret_cast<void*>(value); };
    push(&simt_begin);
    push(static_cast<void*>(nullptr));                              // rbp
    push(self);                                                     // rbx
    push(&Fiber::run);                                              // r12
    for (int i = 0; i < 3; i++) push(static_cast<void*>(nullptr));  // r13, r14, r15
    fiber = top;
#endif
  }

  void enter() {
#ifdef SIMT_ASAN
    __sanitizer_start_switch_fiber(&scheduler_fake, stack, kStackBytes);
#endif
#ifdef SIMT_TSAN
    scheduler_thread = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber_thread, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SIMT_UCONTEXT
    swapcontext(&scheduler, &fiber);
#else
    simt_switch(&scheduler, fiber);
#endif
#ifdef SIMT_ASAN
    __sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
  }

  void leave() {
#ifdef SIMT_ASAN
    __sanitizer_start_switch_fiber(&fiber_fake, scheduler_stack, scheduler_bytes);
#endif
#ifdef SIMT_TSAN
    __tsan_switch_to_fiber(scheduler_thread, __tsan_switch_to_fiber_no_sync);
#endif
#ifdef SIMT_UCONTEXT
    swapcontext(&fiber, &scheduler);
#else
    simt_switch(&fiber, scheduler);
#endif
    arrived();
  }

  void arrived() {
#ifdef SIMT_ASAN
    __sanitizer_finish_switch_fiber(fiber_fake, &scheduler_stack, &scheduler_bytes);
#endif
  }
};

Fiber::Fiber() : context_(std::make_unique<Context>()) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (stack == MAP_FAILED) throw std::bad_alloc();
  context_->stack = static_cast<char*>(stack);
#ifdef SIMT_ASAN
  __asan_unpoison_memory_region(stack, kStackBytes);  // a fiber that was given up may have left its frames there
#endif
  context_->prepare(this);
}

Fiber::~Fiber() {
#ifdef SIMT_TSAN
  __tsan_destroy_fiber(context_->fiber_thread);
#endif
  munmap(context_->stack, kStackBytes);
}

void Fiber::assign(std::function<void()> work) {
  work_ = std::move(work);
  done_ = false;
}

void Fiber::resume() { context_->enter(); }

void Fiber::pause() { context_->leave(); }

void Fiber::run(Fiber* self) {
  self->context_->arrived();
  for (;;) {  // the fiber serves again: one piece of work after the other
    self->work_();
    self->done_ = true;
    self->pause();
  }
}

#ifdef SIMT_TSAN
void happens_before(const void* meeting) { __tsan_release(const_cast<void*>(meeting)); }
void happens_after(const void* meeting) { __tsan_acquire(const_cast<void*>(meeting)); }
Unobserved::Unobserved() { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
Unobserved::~Unobserved() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
#else
void happens_before(const void*) {}
void happens_after(const void*) {}
Unobserved::Unobserved() = default;
Unobserved::~Unobserved() = default;
#endif

}  // namespace simt
