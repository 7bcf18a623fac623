// Says how recurrences would be run: for bench/cuda_model.py. A line in: GPU, gates, states, batch, hidden, bytes of a
// number, backward; a line out: the regime.
#include <cstdio>
#include <iostream>
#include <string>

#include "cuda/occupancy.h"
#include "cuda/rnn_plan.h"

using namespace fastlm::cuda;

int main() {
  std::string name;
  RnnShape shape{};
  while (std::cin >> name >> shape.gates >> shape.states >> shape.batch >> shape.hidden >> shape.number_bytes >>
         shape.backward) {
    shape.outputs = shape.hidden;
    for (const Device& device : kDevices) {
      if (name != device.name) continue;
      const DeviceLimits limits{device.limits.multiprocessors, device.limits.shared_of_block,
                                device.limits.capability / 10, true};
      const RnnPlan plan = plan_rnn(shape, Precision::kExact, limits);
      const auto* persistent = std::get_if<PersistentPlan>(&plan);
      const char* const exchanges[] = {"block", "cluster", "grid"};
      std::puts(persistent                        ? exchanges[int(persistent->exchange)]
                : std::get<StepPlan>(plan).tensor ? "step, tensor cores"
                                                  : "step, exact");
    }
  }
}
