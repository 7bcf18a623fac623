// One recurrent layer on the CPU, every direction of it, for any cell by its name. T: float or double.
#pragma once

#include <string_view>
#include <vector>

#include "../core/rnn/recurrence.h"
#include "team.h"

namespace fastlm::cpu {

// A direction: the recurrence, with the products that lead into it and out of it. I = input features.
template <class T>
struct LayerForward : RnnForward<T> {  // its x_gates are not used; saved: null where no gradient will be asked
  int64_t inputs;
  const T* input;  // [rows, I]
  const T* w_ih;   // [G * H, I]
};

template <class T>
struct LayerBackward : RnnBackward<T> {
  int64_t inputs;
  const T* input;  // [rows, I]
  const T* w_ih;   // [G * H, I]
  T* d_input;      // [rows, I], or null: not wanted
  bool add_input;  // d_input has the gradient of another direction already
  T* d_w_ih;       // [G * H, I]
  T* d_w_hh;       // as w_hh
  T* d_b_ih;       // [G * H], or null: no biases
  T* d_b_hh;
};

template <class T>
void rnn_forward(std::string_view cell, const std::vector<LayerForward<T>>& directions, Team& team);

template <class T>
void rnn_backward(std::string_view cell, const std::vector<LayerBackward<T>>& directions, Team& team);

}  // namespace fastlm::cpu
