// The forward recurrence of every cell in bfloat16.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_forward(std::string_view, const Forward<__nv_bfloat16>&, Precision, const DeviceLimits&,
                          const Allocate&, Stream);

}  // namespace fastlm::cuda
