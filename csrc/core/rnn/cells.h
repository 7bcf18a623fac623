// The list of cells. A new cell is a header of its own and a line here.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "elman.h"
#include "gru.h"
#include "indrnn.h"
#include "lstm.h"

namespace fastlm {

template <class... Cell>
struct CellList {};

using Cells = CellList<Elman<Tanh>,  //
                       Elman<Relu>,  //
                       Lstm, Gru, IndRnn>;

namespace detail {

template <class Function, class First, class... Rest>
decltype(auto) with_cell(std::string_view name, Function&& function, CellList<First, Rest...>) {
  if (name == First::kName) return function(First());
  if constexpr (sizeof...(Rest) > 0)
    return with_cell(name, static_cast<Function&&>(function), CellList<Rest...>());
  else
    throw std::invalid_argument("unknown cell '" + std::string(name) + "'");
}

}  // namespace detail

// Calls function(Cell()) for the cell of that name.
template <class Function>
decltype(auto) with_cell(std::string_view name, Function&& function) {
  return detail::with_cell(name, static_cast<Function&&>(function), Cells());
}

}  // namespace fastlm
