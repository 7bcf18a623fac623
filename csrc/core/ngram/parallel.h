// Pieces of work on a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace fastlm::ngram {

// 0: one for each processor.
inline int thread_count(int wanted) { return wanted > 0 ? wanted : std::max(1u, std::thread::hardware_concurrency()); }

// Calls work(piece) for each piece, the next free thread taking the next piece. The first exception is passed on, after
// all threads have ended.
template <class Work>
void parallel(size_t pieces, int threads, Work&& work) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto run = [&] {
    try {
      for (size_t piece; (piece = next++) < pieces;) work(piece);
    } catch (...) {
      next = pieces;
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> team;
  for (size_t helper = 1; helper < std::min<size_t>(threads, pieces); helper++) team.emplace_back(run);
  run();
  team.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace fastlm::ngram
