// The forward recurrence of every cell in float.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_forward(std::string_view, const Forward<float>&, Precision, const DeviceLimits&, const Allocate&,
                          Stream);

}  // namespace fastlm::cuda
