// The forward recurrence of every cell in double.
#include "rnn_dispatch.cuh"

namespace fastlm::cuda {

template void rnn_forward(std::string_view, const Forward<double>&, Precision, const DeviceLimits&, const Allocate&,
                          Stream);

}  // namespace fastlm::cuda
