// A step of the sequences whose units wait for one another: a block owns a sequence, between the products of the step.
//
// That is so with layer norm (Ba, Kiros & Hinton 2016), where all gates of a row must be known before its first cell,
// and the whole state before its output. With a projection of the output (Sak et al. 2014) alone, the cells just come
// between two products. What the options do and in which order is csrc/cpu's.
#pragma once

#include "layer_norm.cuh"
#include "rnn_unit.cuh"
#include "tensor_product.cuh"

namespace fastlm::cuda {

// The left-hand side of a product, a row for each sequence, as StepProduct takes it.
template <class T>
struct Operand {
  T* numbers;     // [batch, width]
  int64_t width;  // of which the last ones may be there for their zeros
  bool tensor;    // it goes through tensor cores

  __device__ __forceinline__ void put(int64_t b, int64_t k, Computed<T> number) const {
    numbers[b * width + k] = tensor ? operand_number<T, true>(number) : operand_number<T, false>(number);
  }
};

// Zeros, for what of an operand is there for them.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2) clear_kernel(T* numbers, int64_t count) {
  const int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (at < count) numbers[at] = T(0);
}

// Where the norm of W x is in what forward kept of a row.
struct KeptNorm {
  int64_t width, normal, scale;
};

// W x of all rows at once, before the steps: each row of gates, [rows, columns], is normalised in its place, without
// the shift. kept may be null. A block for each step and sequence.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    normalize_rows_kernel(Sequence sequence, T* gates, int64_t columns, const T* gain, Computed<T>* kept,
                          KeptNorm norm) {
  using C = Computed<T>;
  const int64_t t = blockIdx.x / sequence.batch, b = blockIdx.x % sequence.batch, row = sequence.row(t, b);
  if (b >= sequence.rows(t)) return;
  SharedArrays shared;
  BlockSums<C> sums(shared);
  T* const from = gates + row * columns;
  C* const keep = kept ? kept + row * norm.width : nullptr;
  const Normal<C> normal = normal_of(sums, columns, [&](int64_t column) { return computed(from[column]); });
  if (keep && threadIdx.x == 0) keep[norm.scale] = normal.scale;
  for_columns(columns, [&](int64_t column) {
    const C value = normal(computed(from[column]));
    if (keep) keep[norm.normal + column] = value;
    from[column] = T(value * computed(gain[column]));
  });
}

// Back through it, behind the steps: from the gradients of the result to those of what was normalised.
template <class T>
__global__ void __launch_bounds__(kRowThreads, 2)
    normalize_rows_backward_kernel(Sequence sequence, const T* from, T* to, int64_t columns, const T* gain,
                                   const Computed<T>* kept, KeptNorm norm) {
  using C = Computed<T>;
  const int64_t t = blockIdx.x / sequence.batch, b = blockIdx.x % sequence.batch, row = sequence.row(t, b);
  if (b >= sequence.rows(t)) return;
  SharedArrays shared;
  BlockSums<C> sums(shared);
  const C* const keep = kept + row * norm.width;
  const auto gained = [&](int64_t column) { return computed(from[row * columns + column]) * computed(gain[column]); };
  NormalBack<C> back;
  for_columns(columns, [&](int64_t column) { back.add(gained(column), keep[norm.normal + column]); });
  back.sum(sums, columns, keep[norm.scale]);
  for_columns(columns, [&](int64_t column) {
    to[row * columns + column] = T(back(gained(column), keep[norm.normal + column]));
  });
}

}  // namespace fastlm::cuda
