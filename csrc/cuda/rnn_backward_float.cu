// The backward recurrence of every cell in float.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_backward(std::string_view, const Backward<float>&, Precision, const DeviceLimits&, const Allocate&,
                           Stream);

}  // namespace fastlm::cuda
