// What the recurrence of one layer and direction works on, forward and backward, on any device.
//
// The caller has done the input products (x_gates = W x) and will do the reductions over time (dW, dU, db) as single
// products; what is left is what must go step by step. T is float or double. H = hidden, G = kGates. Rows are laid out
// as sequence.h says. Trivial structs: they are passed to GPU kernels as they are.
#pragma once

#include "cell.h"
#include "sequence.h"
#include "zoneout.h"

namespace fastlm {

template <class T>
struct RnnForward {
  Walk walk;
  int64_t hidden;
  const T* x_gates;         // [rows, G * H], without bias
  const T* b_ih;            // [G * H] or null
  const T* b_hh;            // [G * H] or null
  const T* w_hh;            // [G * H, H], or [G * H] for a diagonal recurrence
  const T* hx[kMaxStates];  // a state each: [batch, H] or null for zeros
  T* output;                // [rows, H], rows output_stride apart
  int64_t output_stride;
  T* saved;           // [rows, kSlots * H]
  T* hn[kMaxStates];  // a state each: [batch, H]
};

template <class T>
struct RnnBackward {
  Walk walk;
  int64_t hidden;
  const T* w_hh;
  const T* hx[kMaxStates];
  const T* output;
  int64_t output_stride;
  const T* saved;
  const T* grad_output;  // [rows, H], rows grad_output_stride apart
  int64_t grad_output_stride;
  const T* grad_hn[kMaxStates];  // a state each: [batch, H]
  T* d_x_gates;                  // [rows, G * H]
  T* d_h_gates;                  // [rows, G * H]; the same array as d_x_gates where the cell's kGatesAdd
  T* d_hx[kMaxStates];           // a state each: [batch, H]; null: not wanted
};

// State s of a row after its step, [H]: h lies in the output, the others in the slots behind what forward saves.
template <class Cell, class Args>
FASTLM_HD auto state_after(const Args& args, int s, int64_t row) -> decltype(args.saved) {
  static_assert(Cell::kStates <= kMaxStates);
  return s == 0 ? args.output + row * args.output_stride
                : args.saved + (row * kSlots<Cell> + Cell::kSaved + s - 1) * args.hidden;
}

// Whether the gradient of state s has a path to the step before that does not go through U, and so must be carried.
template <class Cell>
FASTLM_HD constexpr bool carries(int s) {
  return s > 0 || Cell::kDirectPath;
}

}  // namespace fastlm
