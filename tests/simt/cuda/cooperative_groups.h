// Barriers as groups: the grid's, in a cooperative launch, and the block's.
#pragma once

#include "cuda_runtime.h"

namespace cooperative_groups {

struct grid_group {
  void sync(simt::Where where = simt::Where::current()) const { simt::grid_barrier(where); }
};
struct thread_block {
  void sync(simt::Where where = simt::Where::current()) const { simt::barrier(where); }
};
inline grid_group this_grid() { return {}; }
inline thread_block this_thread_block() { return {}; }

}  // namespace cooperative_groups
