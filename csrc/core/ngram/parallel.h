// Pieces of work on a few threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fastlm::ngram {

struct Workers {
  int threads = 0;                  // 0: one for each processor
  std::function<void()> poll = {};  // called by the calling thread between pieces; what it throws ends the work

  size_t count() const { return threads > 0 ? threads : std::max(1u, std::thread::hardware_concurrency()); }
};

// Calls work(piece) for each piece, the next free thread taking the next piece. The first exception is passed on, after
// all threads have ended.
template <class Work>
void parallel(size_t pieces, const Workers& workers, Work&& work) {
  std::atomic<size_t> next{0};
  std::exception_ptr failure;
  std::mutex guard;
  const auto run = [&](bool caller) {
    try {
      for (size_t piece; (piece = next++) < pieces;) {
        if (caller && workers.poll) workers.poll();
        work(piece);
      }
    } catch (...) {
      next = pieces;
      const std::lock_guard lock(guard);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::jthread> team;
  for (size_t helper = 1; helper < std::min(workers.count(), pieces); helper++) team.emplace_back(run, false);
  run(true);
  team.clear();  // joins
  if (failure) std::rethrow_exception(failure);
}

}  // namespace fastlm::ngram
