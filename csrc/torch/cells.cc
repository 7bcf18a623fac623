// What Python needs to know about the compiled cells.
#include "../core/rnn/cells.h"

#include "rnn_layer.h"

namespace fastlm {
namespace {

std::vector<std::string> cells() {
  return []<class... Cell>(CellList<Cell...>) { return std::vector<std::string>{Cell::kName...}; }(Cells());
}

// gates, states, slots, whether the recurrence is diagonal, and whether the output is a function of another state
std::vector<int64_t> cell_traits(const std::string& cell) {
  const CellTraits t = traits_of(cell);
  return {t.gates, t.states, t.slots, t.diagonal, t.output_apart};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CompositeExplicitAutograd, m) {
  m.impl("cells", TORCH_BOX(&cells));
  m.impl("cell_traits", TORCH_BOX(&cell_traits));
}

}  // namespace fastlm
