// The output layer of a language model on the CPU: projection on the classes, cross entropy and all gradients, by
// blocks of rows, so that there are logits for a block only.
//
// Each logit is computed once: forward turns a block of them into its own gradient and multiplies it on at once, as in
// Hsu et al. 2024 (Liger Kernel) and Wijmans et al. 2024 (Cut Cross-Entropy).
#pragma once

#include "../core/cross_entropy.h"
#include "team.h"

namespace fastlm::cpu {

// N = rows, H = hidden, V = classes.
template <class T>
struct LinearCrossEntropy {
  int64_t rows, hidden, classes;
  const T* input;         // [N, H]
  const T* weight;        // [V, H]
  const T* bias;          // [V] or null
  const int64_t* target;  // [N], each a class or ignore_index
  int64_t ignore_index;
  CrossEntropyRule rule;
  T* loss;        // [N] or null; 0 for an ignored row
  double factor;  // of every loss, and
  const T* grad;  // [N], that of each, or null for ones: of the gradients
  T* d_input;     // [N, H] or null
  T* d_weight;    // [V, H] or null
  T* d_bias;      // [V] or null
};

// T: float or double.
template <class T>
void linear_cross_entropy(const LinearCrossEntropy<T>& args, Team& team);

}  // namespace fastlm::cpu
