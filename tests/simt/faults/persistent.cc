// The persistent kernels, in each way of exchange.
#include "cuda/rnn_persistent.cuh"
#include "fault.h"
#include "toy_cells.h"

using namespace fastlm;

template <class Cell>
std::string run(const Case<Cell>& c, cuda::Exchange exchange, int64_t blocks) {
  const auto with_plan = [&](bool backward, const auto& launch) {
    const auto plan = cuda::plan_exchange({c.batch, c.hidden, c.outputs, Cell::kGates, Cell::kStates, 4, backward},
                                          {132, 232448, 9, true}, exchange, cuda::kFewRows, blocks);
    Workspace workspace(plan->workspace_bytes);
    launch(*plan, workspace.data());
  };
  const RnnRun<Cell, float> run(
      c,
      [&](const cuda::Forward<float>& f) {
        with_plan(false, [&](const auto& plan, void* workspace) {
          cuda::launch_persistent_forward<Cell>(f, plan, workspace, nullptr);
        });
      },
      [&](const cuda::Backward<float>& b) {
        with_plan(true, [&](const auto& plan, void* workspace) {
          cuda::launch_persistent_backward<Cell>(b, plan, workspace, nullptr);
        });
      });
  return run.complaint();
}

int main() {
  const Case<BusyCell> packed({3, 3, 2}, 33, true);  // sequences that end within a row group, units within a block
  return report([&] {
    for (const auto exchange : {cuda::Exchange::kBlock, cuda::Exchange::kCluster, cuda::Exchange::kGrid})
      if (const auto text = run(packed, exchange,
                                exchange == cuda::Exchange::kBlock     ? 1
                                : exchange == cuda::Exchange::kCluster ? 2
                                                                       : 3);
          !text.empty())
        return text;
    return std::string();
  });
}
