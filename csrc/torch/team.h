// torch's own thread pool as a team.
#pragma once

#include <torch/csrc/stable/ops.h>

#include "../cpu/team.h"

namespace fastlm {

class TorchTeam final : public cpu::Team {
 public:
  int size() const override { return int(torch::stable::get_num_threads()); }
  void for_slices(int64_t count, int64_t grain, const std::function<void(int64_t, int64_t)>& work) override {
    if (count > 0) torch::stable::parallel_for(0, count, grain, work);
  }
};

}  // namespace fastlm
