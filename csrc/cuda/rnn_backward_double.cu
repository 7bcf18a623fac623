// The backward recurrence of every cell in double.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_backward(std::string_view, const Backward<double>&, Precision, const DeviceLimits&, const Allocate&,
                           Stream);

}  // namespace fastlm::cuda
