// The forward recurrence of every cell in both number types, chosen by its name.
#include "../core/rnn/cells.h"
#include "rnn.h"
#include "rnn_launch.cuh"

namespace fastlm::cuda {

template <class T>
int64_t forward_workspace(std::string_view cell, const RnnForward<T>& args, const DeviceLimits& limits) {
  return with_cell(cell, [&]<class Cell>(Cell) {
    const RnnShape shape = shape_of<Cell, T>(args.walk, args.hidden, false);
    return workspace_of<Cell>(plan_rnn(shape, limits), shape);
  });
}

template <class T>
void rnn_forward(std::string_view cell, const RnnForward<T>& args, const DeviceLimits& limits, T* workspace,
                 Stream stream) {
  if (args.walk.sequence.batch == 0) return;
  with_cell(cell, [&]<class Cell>(Cell) {
    const RnnShape shape = shape_of<Cell, T>(args.walk, args.hidden, false);
    launch_forward<Cell>(args, plan_rnn(shape, limits), workspace, stream);
  });
}

template int64_t forward_workspace(std::string_view, const RnnForward<float>&, const DeviceLimits&);
template int64_t forward_workspace(std::string_view, const RnnForward<double>&, const DeviceLimits&);
template void rnn_forward(std::string_view, const RnnForward<float>&, const DeviceLimits&, float*, Stream);
template void rnn_forward(std::string_view, const RnnForward<double>&, const DeviceLimits&, double*, Stream);

}  // namespace fastlm::cuda
