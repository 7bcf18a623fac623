// The recurrence of every cell, chosen by its name: for a .cu file of each number type and direction.
#pragma once

#include "../core/rnn/cells.h"
#include "rnn_launch.cuh"

namespace fastlm::cuda {

template <class T>
void rnn_forward(std::string_view cell, const Forward<T>& args, Precision precision, const DeviceLimits& limits,
                 const Allocate& allocate, Stream stream) {
  if (args.walk.sequence.batch == 0) return;
  with_cell(cell, [&]<class Cell>(Cell) { launch_forward<Cell, T>(args, precision, limits, allocate, stream); });
}

template <class T>
void rnn_backward(std::string_view cell, const Backward<T>& args, Precision precision, const DeviceLimits& limits,
                  const Allocate& allocate, Stream stream) {
  if (args.walk.sequence.batch == 0) return;
  with_cell(cell, [&]<class Cell>(Cell) { launch_backward<Cell, T>(args, precision, limits, allocate, stream); });
}

}  // namespace fastlm::cuda
