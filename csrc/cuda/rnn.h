// The recurrence of one layer and direction on a GPU, for any cell by its name. T: float or double.
//
// All pointers are the device's, those of the walk too; the launches are asynchronous on the stream.
#pragma once

#include <string_view>

#include "../core/rnn/recurrence.h"
#include "stream.h"

namespace fastlm::cuda {

// Numbers of workspace, on the device, that the call below needs with the same sizes and limits; may be 0.
template <class T>
int64_t forward_workspace(std::string_view cell, const RnnForward<T>& args, const DeviceLimits& limits);
template <class T>
int64_t backward_workspace(std::string_view cell, const RnnBackward<T>& args, const DeviceLimits& limits);

template <class T>
void rnn_forward(std::string_view cell, const RnnForward<T>& args, const DeviceLimits& limits, T* workspace,
                 Stream stream);
template <class T>
void rnn_backward(std::string_view cell, const RnnBackward<T>& args, const DeviceLimits& limits, T* workspace,
                  Stream stream);

}  // namespace fastlm::cuda
