// The recurrence of one layer and direction over whole sequences, forward and backward, for any cell.
//
// The caller has done the input products (x_gates = W x) and will do the reductions over time (dW, dU, db) as single
// products; what is left here is what must go step by step. Numbers are float or double. H = hidden, G = kGates.
// `rows` are laid out as core/rnn/sequence.h says.
#pragma once

#include <string_view>
#include <vector>

#include "../core/rnn/sequence.h"
#include "team.h"

namespace fastlm::cpu {

template <class T>
struct RnnForward {
  Walk walk;
  int64_t hidden;
  const T* x_gates;          // [rows, G * H], without bias
  const T* b_ih;             // [G * H] or null
  const T* b_hh;             // [G * H] or null
  const T* w_hh;             // [G * H, H], or [G * H] for a diagonal recurrence
  std::vector<const T*> hx;  // a state each: [batch, H] or null for zeros
  T* output;                 // [rows, H], rows output_stride apart
  int64_t output_stride;
  T* saved;            // [rows, kSlots * H]
  std::vector<T*> hn;  // a state each: [batch, H]
};

template <class T>
struct RnnBackward {
  Walk walk;
  int64_t hidden;
  const T* w_hh;
  std::vector<const T*> hx;
  const T* output;
  int64_t output_stride;
  const T* saved;
  const T* grad_output;  // [rows, H], rows grad_output_stride apart
  int64_t grad_output_stride;
  std::vector<const T*> grad_hn;  // a state each: [batch, H]
  T* d_x_gates;                   // [rows, G * H]
  T* d_h_gates;                   // [rows, G * H]; the same array as d_x_gates where the cell's kGatesAdd
  std::vector<T*> d_hx;           // a state each: [batch, H]; empty: not wanted
};

template <class T>
void rnn_forward(std::string_view cell, const RnnForward<T>& args, Team& team);

template <class T>
void rnn_backward(std::string_view cell, const RnnBackward<T>& args, Team& team);

}  // namespace fastlm::cpu
