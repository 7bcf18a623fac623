// The backward recurrence of every cell in half.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_backward(std::string_view, const Backward<__half>&, Precision, const DeviceLimits&, const Allocate&,
                           Stream);

}  // namespace fastlm::cuda
