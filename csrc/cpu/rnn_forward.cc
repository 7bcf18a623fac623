// Every cell in both number types, chosen by its name.
#include "rnn_forward.h"

#include "../core/rnn/cells.h"

namespace fastlm::cpu {

template <class T>
void rnn_forward(std::string_view cell, const std::vector<LayerForward<T>>& directions, Team& team) {
  with_cell(cell, [&]<class Cell>(Cell) { forward_pass<Cell>(directions, team); });
}

template void rnn_forward(std::string_view, const std::vector<LayerForward<float>>&, Team&);
template void rnn_forward(std::string_view, const std::vector<LayerForward<double>>&, Team&);

}  // namespace fastlm::cpu
