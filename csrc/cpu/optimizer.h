// Steps of optimisers on the CPU, one pass over a parameter: clipping by a factor and the update together.
#pragma once

#include "../core/optimizer.h"
#include "team.h"

namespace fastlm::cpu {

// The sum of the squares of `count` numbers, the same for any number of threads.
template <class T>
double sum_of_squares(const T* numbers, int64_t count, Team& team);

// momentum_buffer: null for none.
template <class T>
void sgd_step(const SgdRule<T>& rule, T* parameter, const T* gradient, T* momentum_buffer, int64_t count, Team& team);

template <class T>
void adam_step(const AdamRule<T>& rule, T* parameter, const T* gradient, T* mean, T* square, int64_t count, Team& team);

}  // namespace fastlm::cpu
