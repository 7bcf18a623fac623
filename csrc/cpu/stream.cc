// Every cell with every type of weights, chosen by its name.
#include "stream.h"

#include "../core/rnn/cells.h"
#include "stream_pass.h"

namespace fastlm::cpu {

template <class Weight>
void rnn_stream(std::string_view cell, const Stream<Weight>& stream, Team& team) {
  with_cell(cell, [&]<class Cell>(Cell) { StreamPass<Cell, Weight>(stream).run(team); });
}

template void rnn_stream(std::string_view, const Stream<float>&, Team&);
template void rnn_stream(std::string_view, const Stream<BFloat16>&, Team&);
template void rnn_stream(std::string_view, const Stream<int8_t>&, Team&);

}  // namespace fastlm::cpu
