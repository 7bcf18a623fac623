// Who does what: the directions and sequences of a layer, and where they are too few, its hidden units, on a team.
#pragma once

#include "../core/rnn/cell.h"
#include "crew.h"
#include "product.h"

namespace fastlm::cpu {

// Sequences [begin, end) of the batch by panels [first, last) of the hidden units.
struct Share {
  int64_t begin, end;
  int64_t first, last;
};

// The share of another number of units that goes with a share: together they make up all of those, too.
template <class T>
Share rescaled(const Share& share, int64_t from, int64_t to) {
  const int64_t all = count_panels<T>(from), panels = count_panels<T>(to);
  return {share.begin, share.end, panels * share.first / all, panels * share.last / all};
}

// Multiply-adds of a direction's products, input and recurrence.
template <class Cell, class Args>
int64_t work_of(const Args& args) {
  const int64_t depth = args.inputs + (Cell::kRecurrence == Recurrence::kMatrix ? args.hidden : 1);
  return args.walk.sequence.steps * args.walk.sequence.batch * Cell::kGates * args.hidden * depth;
}

// Calls run(direction, share, sync) on shares that together are every direction's batch and panels. Sequences do not
// depend on each other, so they are split first, as long as a thread gets the rows that the kernels need to be fast.
// Otherwise threads split the hidden units, where they can be `split`, and must call sync() when they have done a time
// step.
template <class T, class Run>
void run_shares(Team& team, int64_t directions, int64_t batch, int64_t hidden, int64_t work, bool split,
                const Run& run) {
  constexpr int64_t kFewestRows = 4, kStepWorthAThread = 20000;
  const int64_t panels = count_panels<T>(hidden);
  const auto alone = [] {};
  const int64_t useful = std::min<int64_t>(team.size(), std::max<int64_t>(1, work / kWorthAThread));
  const int64_t wanted = (useful + directions - 1) / directions;
  const int64_t slices = std::min(wanted, std::max<int64_t>(1, batch / kFewestRows));
  const int64_t members = split ? std::min(useful, panels / 2) : 1;
  const int64_t step_work = batch * hidden * hidden;
  if (directions * slices < useful && members > directions * slices && step_work / members >= kStepWorthAThread) {
    for (int64_t d = 0; d < directions; d++)
      with_crew(team, members, [&](int64_t begin, int64_t end, Barrier& barrier) {
        int64_t round = 0;
        run(d, Share{0, batch, panels * begin / members, panels * end / members},
            [&] { barrier.wait(end - begin, round++); });
      });
    return;
  }
  const auto slices_of = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i++) {
      const int64_t d = i / slices, s = i % slices;
      run(d, Share{batch * s / slices, batch * (s + 1) / slices, 0, panels}, alone);
    }
  };
  if (directions * slices == 1 || useful == 1)
    slices_of(0, directions * slices);
  else
    team.for_slices(directions * slices, 1, slices_of);
}

}  // namespace fastlm::cpu
