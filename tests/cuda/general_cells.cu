// The recurrence for cells that use all of the contract: compiled by tests/cuda/test_build.py, which allows no spill.
#include "cuda/rnn_launch.cuh"
#include "toy_cells.h"

namespace fastlm::cuda {

template void launch_forward<BusyCell>(const RnnForward<float>&, const RnnPlan&, float*, cudaStream_t);
template void launch_forward<BusyCell>(const RnnForward<double>&, const RnnPlan&, double*, cudaStream_t);
template void launch_backward<BusyCell>(const RnnBackward<float>&, const RnnPlan&, float*, cudaStream_t);
template void launch_backward<BusyCell>(const RnnBackward<double>&, const RnnPlan&, double*, cudaStream_t);

}  // namespace fastlm::cuda
