// The step regime, with tensor cores and without.
#include "cuda/rnn_step.cuh"
#include "fault.h"

using namespace fastlm;

template <class T, class Cell>
std::string run(const Case<Cell>& c, cuda::Precision precision, double tolerance) {
  const auto with_plan = [&](bool backward, const auto& launch) {
    const auto plan =
        cuda::plan_step({c.batch, c.hidden, c.outputs, Cell::kGates, Cell::kStates, int(sizeof(T)), backward},
                        precision, {132, 232448});
    Workspace workspace(plan.workspace_bytes);
    launch(plan, workspace.data());
  };
  const RnnRun<Cell, T> run(
      c,
      [&](const cuda::Forward<T>& f) {
        with_plan(false, [&](const auto& plan, void* workspace) {
          cuda::launch_step_forward<Cell>(f, plan, workspace, nullptr);
        });
      },
      [&](const cuda::Backward<T>& b) {
        with_plan(true, [&](const auto& plan, void* workspace) {
          cuda::launch_step_backward<Cell>(b, plan, workspace, nullptr);
        });
      });
  return run.complaint(tolerance);
}

int main() {
  const Case<Gru> packed({5, 4, 2, 1}, 37, true, {.mask = true});
  const Case<Gru> deep({2, 2}, 180, false);  // two pieces of the depth on the way back
  return report([&] {
    for (const auto* c : {&packed, &deep})
      for (const auto& text :
           {run<float>(*c, cuda::Precision::kExact, 1e-5), run<__half>(*c, cuda::Precision::kExact, 1e-2)})
        if (!text.empty()) return text;
    return run<float>(packed, cuda::Precision::kTf32, 2e-3);
  });
}
