// Barriers of a block, of the grid and of a cluster.
#include "machine.h"

namespace simt {

void Launch::meet(Barrier& barrier, std::span<Thread> all, Wait wait, Where where) {
  const char* meeting = barrier.meeting(barrier.passed);
  happens_before(meeting);
  Thread& thread = *current_;
  thread.wait = wait, thread.where = where;
  if (++barrier.arrived == all.size()) {
    for (const Thread& other : all)
      if (!same_place(all[0].where, other.where))
        stop([&] { return "divergent barrier: " + text_of(all[0]) + ", but " + text_of(other); });
    barrier.arrived = 0;
    barrier.passed++;
    progress_++;
    make_ready(all, wait);
    wait = Wait::kNothing;
  }
  pause(wait, where);
  happens_after(meeting);
}

void Launch::barrier(Where where) {
  Block& block = *current_->block;
  meet(block.barrier, block.threads, Wait::kBlock, where);
}

void Launch::grid_barrier(Where where) {
  if (!together_.cooperative)
    stop(
        [&] { return text_of(*current_) + " waits for the grid at " + text_of(where) + ": not a cooperative launch"; });
  meet(grid_barrier_, threads_, Wait::kGrid, where);
}

void Launch::cluster_arrive(Where where) {
  Thread& thread = *current_;
  Cluster& cluster = *thread.block->cluster;
  if (settings().device.major < 9) stop([&] { return text_of(where) + ": clusters need compute capability 9.0"; });
  if (thread.arrived)
    stop([&] {
      return text_of(thread) + " arrives at the cluster's barrier at " + text_of(where) +
             " again, without having waited since " + text_of(thread.arrived_where);
    });
  thread.arrived = true;
  thread.arrived_pass = cluster.barrier.passed;
  thread.arrived_where = where;
  happens_before(cluster.barrier.meeting(thread.arrived_pass));
  if (++cluster.barrier.arrived == cluster.threads.size()) release(cluster);
  give_way();
}

void Launch::release(Cluster& cluster) {
  for (const Thread& thread : cluster.threads) {  // .aligned: a warp is one
    const Thread& first = thread.warp->threads[0];
    if (!same_place(first.arrived_where, thread.arrived_where))
      stop([&] {
        return "divergent barrier of a cluster: " + text_of(first) + " arrived at " + text_of(first.arrived_where) +
               ", but " + text_of(thread) + " at " + text_of(thread.arrived_where);
      });
  }
  cluster.barrier.arrived = 0;
  cluster.barrier.passed++;
  progress_++;
  make_ready(cluster.threads, Wait::kCluster);
}

void Launch::cluster_wait(Where where) {
  Thread& thread = *current_;
  Cluster& cluster = *thread.block->cluster;
  if (!thread.arrived)
    stop([&] {
      return text_of(thread) + " waits at the cluster's barrier at " + text_of(where) + " without having arrived";
    });
  if (cluster.barrier.passed == thread.arrived_pass)
    pause(Wait::kCluster, where);
  else
    give_way();
  thread.arrived = false;
  happens_after(cluster.barrier.meeting(thread.arrived_pass));
}

}  // namespace simt
