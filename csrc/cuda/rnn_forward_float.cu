// The forward recurrence of every cell in float.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template int64_t forward_workspace(std::string_view, const Forward<float>&, Precision, const DeviceLimits&);
template void rnn_forward(std::string_view, const Forward<float>&, Precision, const DeviceLimits&, void*, Stream);

}  // namespace fastlm::cuda
