// d += a b on the numbers that the 32 lanes of a warp hold.
#pragma once

#include "executor.h"

namespace simt {

struct Fragments {  // of a lane
  float* d;
  const uint32_t *a, *b;
};

void multiply_fragments(Matrix type, const Fragments (&lanes)[32]);

}  // namespace simt
