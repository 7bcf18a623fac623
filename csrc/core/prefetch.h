// Asks for memory that will soon be read or written.
#pragma once

namespace fastlm {

// kWrite: 1 to write it; kLocality: 3 for the nearest cache, 2 for the next one.
template <int kWrite = 0, int kLocality = 3>
inline void prefetch(const void* memory) {
  __builtin_prefetch(memory, kWrite, kLocality);
  // g++ takes a function that does nothing but ask for memory for one without effect, and leaves out calls of it.
  asm volatile("");
}

}  // namespace fastlm
