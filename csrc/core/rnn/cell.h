// The cell contract: what a recurrent cell says about itself, and nothing more.
//
// A cell is the arithmetic of one hidden unit at one time step. The matrix products, the loop over time, threads,
// memory and masks belong to the drivers (csrc/cpu, csrc/cuda), which are written once for all cells. T is a number:
// float, double or a SIMD vector of units, so the same lines serve the scalar, the SIMD and the CUDA path. A cell
// declares
//
//   kName         its name in the ops, in fastlm.reference and in the modules
//   kGates        pre-activations of a unit: rows of W and U per hidden unit, in PyTorch's order
//   kStates       values carried from step to step; the first is the output h
//   kSaved        values that forward leaves for backward, besides the states
//   kRecurrence   how h_{t-1} reaches the gates: through a matrix U, or each unit through a weight of its own
//   kGatesAdd     x and h enter only as x + h, so that their gradients are one and the same
//   kDirectPath   h_{t-1} also reaches h_t past the gates (as in a GRU)
//
//   forward (x, h, before)             x[g] = W_g x_t + b_ih,  h[g] = U_g h_{t-1} + b_hh
//   backward(saved, before, output, d) output = h_t as forward gave it, d = gradient of the states after the step
//
// A cell whose output is a function of its second state may split that off, so that a layer norm can come in between:
// see kOutputApart and lstm.h.
#pragma once

#include "../host_device.h"

namespace fastlm {

enum class Recurrence { kMatrix, kDiagonal };

template <class T, int N>
struct Pack {  // N numbers that live in registers
  T v[N > 0 ? N : 1];
  FASTLM_HD T& operator[](int i) { return v[i]; }
  FASTLM_HD const T& operator[](int i) const { return v[i]; }
};

template <class Cell, class T>
struct Forward {
  Pack<T, Cell::kStates> after;
  Pack<T, Cell::kSaved> saved;
};

template <class Cell, class T>
struct Backward {
  Pack<T, Cell::kGates> dx, dh;     // gradients of the input-side and hidden-side pre-activations
  Pack<T, Cell::kStates> d_before;  // direct path to the states before; the path through U is the driver's
};

// What a forward pass keeps per row and unit: the saved values, then every state but h (h is the output).
template <class Cell>
inline constexpr int kSlots = Cell::kSaved + Cell::kStates - 1;

// Whether h = Cell::output(saved, tanh of the second state).
template <class Cell>
inline constexpr bool kOutputApart = requires { &Cell::template output<float>; };

}  // namespace fastlm
