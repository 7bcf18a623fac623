// Every cell in both number types, chosen by its name.
#include "rnn_backward.h"

#include "../core/rnn/cells.h"

namespace fastlm::cpu {

template <class T>
void rnn_backward(std::string_view cell, const std::vector<LayerBackward<T>>& directions, Team& team) {
  with_cell(cell, [&]<class Cell>(Cell) { backward_pass<Cell>(directions, team); });
}

template void rnn_backward(std::string_view, const std::vector<LayerBackward<float>>&, Team&);
template void rnn_backward(std::string_view, const std::vector<LayerBackward<double>>&, Team&);

}  // namespace fastlm::cpu
