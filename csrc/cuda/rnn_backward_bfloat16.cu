// The backward recurrence of every cell in bfloat16.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_backward(std::string_view, const Backward<__nv_bfloat16>&, Precision, const DeviceLimits&,
                           const Allocate&, Stream);

}  // namespace fastlm::cuda
