// Cross entropy on a GPU of logits that a product left: the loss of each row and, in place of the logits, their
// gradient; and what comes between and behind the products.
//
// T: float, double, __half or __nv_bfloat16; the 16-bit types are computed with in float. All pointers are the
// device's, the launches are asynchronous on the stream.
#pragma once

#include <algorithm>
#include <bit>

#include "../core/cross_entropy.h"
#include "half_types.h"
#include "stream.h"

namespace fastlm::cuda {

inline constexpr int64_t kLogitBytes = 256 << 20;
inline constexpr int64_t kMostLogitRows = 8192;  // whose sum, of hidden states up to 8, is a __half

// H = hidden, V = classes. The rows whose logits there are at a time: a power of two. Their logits take no more memory
// than the input, or `least` bytes where that is more; each such chunk goes through the gradient of the weight [V, H]
// once, so that few chunks are better than many.
constexpr int64_t cross_entropy_rows(int64_t rows, int64_t hidden, int64_t classes, int64_t number_bytes,
                                     int64_t least = kLogitBytes) {
  const int64_t fit = std::max(rows * hidden * number_bytes, least) / (number_bytes * std::max<int64_t>(1, classes));
  const uint64_t most = std::bit_floor(uint64_t(std::clamp<int64_t>(fit, 1, kMostLogitRows)));
  return int64_t(std::min(most, std::bit_ceil(uint64_t(std::max<int64_t>(1, rows)))));
}

// Numbers from one row of logits to the next, so that each begins at a multiple of 16 bytes.
constexpr int64_t cross_entropy_stride(int64_t classes, int64_t number_bytes) {
  const int64_t wide = 16 / number_bytes;
  return (classes + wide - 1) / wide * wide;
}

template <class T>
struct CrossEntropy {
  int64_t rows, classes;
  T* logits;  // [rows, V], stride apart, without their bias; becomes the gradient of loss[r] * grad[r] if wanted
  int64_t stride;
  const T* bias;          // [V], at a multiple of 16 bytes, or null
  const int64_t* target;  // [rows]
  int64_t ignore_index;
  CrossEntropyRule rule;
  const T* grad;      // [rows] or null for ones
  Computed<T>* loss;  // [rows]
  bool wants_gradient;
};

// A row whose target is ignored has a loss and a gradient of 0. One whose target is no class has NaN: nobody waits for
// the device to say so, and nothing is read or written out of bounds.
template <class T>
void cross_entropy(const CrossEntropy<T>& args, Stream stream);

template <class T>
struct ReducedLoss {
  int64_t rows;
  const Computed<T>* losses;  // [rows]
  const int64_t* target;      // [rows]
  int64_t ignore_index;
  bool mean;            // over the targets that are not ignored; else the sum
  const T* grad;        // of the loss: a number, or null for 1
  T* loss;              // a number
  Computed<T>* factor;  // what the gradients of the sum of all losses are multiplied with: a number
};

template <class T>
void reduce_losses(const ReducedLoss<T>& args, Stream stream);

// Of arrays of `count` numbers that begin at multiples of 16 bytes: sums += part.
template <class T>
void add_to_sums(const T* part, Computed<T>* sums, int64_t count, Stream stream);

// to = from * factor; factor null: 1. From and To: one of the types above both, or one of them float, as sums are.
template <class From, class To>
void multiply_by(const Computed<To>* factor, const From* from, To* to, int64_t count, Stream stream);

}  // namespace fastlm::cuda
