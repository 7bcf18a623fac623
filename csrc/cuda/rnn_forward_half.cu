// The forward recurrence of every cell in half.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_forward(std::string_view, const Forward<__half>&, Precision, const DeviceLimits&, const Allocate&,
                          Stream);

}  // namespace fastlm::cuda
