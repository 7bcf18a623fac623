// Every compiled cell, and the toy one, as the types of a test suite.
#pragma once

#include <gtest/gtest.h>

#include "core/rnn/cells.h"
#include "toy_cells.h"

namespace fastlm {

template <class List>
struct AsTypes;
template <class... Cell>
struct AsTypes<CellList<Cell...>> {
  using Types = testing::Types<Cell..., BusyCell>;
};
using AllCells = AsTypes<Cells>::Types;

}  // namespace fastlm
