// The recurrence of one layer and direction on a GPU, for any cell by its name.
//
// T: float, double, __half or __nv_bfloat16; the 16-bit types are computed with in float. All pointers are the
// device's, those of the walk and of the zoneout's seed too; the launches are asynchronous on the stream.
#pragma once

#include <functional>
#include <string_view>
#include <type_traits>

#include "../core/rnn/recurrence.h"
#include "stream.h"

struct __half;
struct __nv_bfloat16;

namespace fastlm::cuda {

template <class T>
using Forward = RnnForward<T, std::conditional_t<std::is_same_v<T, double>, double, float>>;
template <class T>
using Backward = RnnBackward<T, std::conditional_t<std::is_same_v<T, double>, double, float>>;

// How products are made: kExact as the number type says (16-bit: exact products, summed in float); kTf32 may round
// float to 10 bits of mantissa before a product.
enum class Precision { kExact, kTf32 };

// Gives a launch so many bytes of workspace, on the device and on a multiple of 16, until what is enqueued has run.
using Allocate = std::function<void*(int64_t bytes)>;

// With layer norm, forward leaves x_gates normalised, and d_x_gates are those of W x itself behind backward.
template <class T>
void rnn_forward(std::string_view cell, const Forward<T>& args, Precision precision, const DeviceLimits& limits,
                 const Allocate& allocate, Stream stream);
template <class T>
void rnn_backward(std::string_view cell, const Backward<T>& args, Precision precision, const DeviceLimits& limits,
                  const Allocate& allocate, Stream stream);

// What U was multiplied with in each row, masked: to [rows, P], the operand of its gradient.
template <class T>
void recurrent_operand(const Backward<T>& args, T* to, Stream stream);

}  // namespace fastlm::cuda
