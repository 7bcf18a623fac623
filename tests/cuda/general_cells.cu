// The recurrence for cells that use all of the contract: compiled by tests/cuda/test_cuda_build.py, which allows no
// spill.
#include "cuda/rnn_launch.cuh"
#include "toy_cells.h"

namespace fastlm::cuda {

template void launch_forward<BusyCell, float>(const Forward<float>&, Precision, const DeviceLimits&, const Allocate&,
                                              cudaStream_t);
template void launch_forward<BusyCell, double>(const Forward<double>&, Precision, const DeviceLimits&, const Allocate&,
                                               cudaStream_t);
template void launch_backward<BusyCell, __half>(const Backward<__half>&, Precision, const DeviceLimits&,
                                                const Allocate&, cudaStream_t);
template void launch_backward<BusyCell, double>(const Backward<double>&, Precision, const DeviceLimits&,
                                                const Allocate&, cudaStream_t);

}  // namespace fastlm::cuda
