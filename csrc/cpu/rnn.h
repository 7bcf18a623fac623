// The recurrence of one layer and direction on the CPU, for any cell by its name. T: float or double.
#pragma once

#include <string_view>

#include "../core/rnn/recurrence.h"
#include "team.h"

namespace fastlm::cpu {

template <class T>
void rnn_forward(std::string_view cell, const RnnForward<T>& args, Team& team);

template <class T>
void rnn_backward(std::string_view cell, const RnnBackward<T>& args, Team& team);

}  // namespace fastlm::cpu
