// A few numbers from the host to the device, in the arguments of a kernel: nothing waits for a copy, the host's array
// may go at once, and a graph that captures it keeps the numbers.
#pragma once

#include "stream.h"

namespace fastlm::cuda {

void upload(const int64_t* from, int64_t count, int64_t* to, Stream stream);

}  // namespace fastlm::cuda
