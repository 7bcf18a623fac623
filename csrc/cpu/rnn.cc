// Every cell in both number types, chosen by its name.
#include "rnn.h"

#include "../core/rnn/cells.h"
#include "rnn_backward.h"
#include "rnn_forward.h"

namespace fastlm::cpu {

template <class T>
void rnn_forward(std::string_view cell, const RnnForward<T>& args, Team& team) {
  with_cell(cell, [&]<class Cell>(Cell) { forward_pass<Cell>(args, team); });
}

template <class T>
void rnn_backward(std::string_view cell, const RnnBackward<T>& args, Team& team) {
  with_cell(cell, [&]<class Cell>(Cell) { backward_pass<Cell>(args, team); });
}

template void rnn_forward(std::string_view, const RnnForward<float>&, Team&);
template void rnn_forward(std::string_view, const RnnForward<double>&, Team&);
template void rnn_backward(std::string_view, const RnnBackward<float>&, Team&);
template void rnn_backward(std::string_view, const RnnBackward<double>&, Team&);

}  // namespace fastlm::cpu
