// The backward recurrence of every cell in float.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template int64_t backward_workspace(std::string_view, const Backward<float>&, Precision, const DeviceLimits&);
template void rnn_backward(std::string_view, const Backward<float>&, Precision, const DeviceLimits&, void*, Stream);

}  // namespace fastlm::cuda
