// The schemas of the operators that exist for several devices. fastlm/ops has their documentation.
#pragma once

namespace fastlm {

inline constexpr const char* kRnnLayer =
    "rnn_layer(Tensor input, Tensor[] hx, Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, "
    "Tensor? batch_sizes, str cell, Tensor[] w_hr, Tensor[] gains, Tensor? h_mask, Tensor? zoneout_seed, "
    "float zoneout_h, float zoneout_c, float? bptt_clip, bool tf32, bool all_states, bool for_backward) -> "
    "(Tensor output, Tensor[] hn, Tensor[] states, Tensor saved)";
inline constexpr const char* kRnnLayerBackward =
    "rnn_layer_backward(Tensor grad_output, Tensor[] grad_hn, Tensor[] grad_states, Tensor input, Tensor[] hx, "
    "Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, Tensor? batch_sizes, str cell, Tensor[] w_hr, "
    "Tensor[] gains, Tensor? h_mask, Tensor? zoneout_seed, float zoneout_h, float zoneout_c, float? bptt_clip, "
    "bool tf32, Tensor output, Tensor saved, bool wants_input, bool wants_hx) -> (Tensor d_input, Tensor[] d_hx, "
    "Tensor[] d_w_ih, Tensor[] d_w_hh, Tensor[] d_b_ih, Tensor[] d_b_hh, Tensor[] d_w_hr, Tensor[] d_gains)";
inline constexpr const char* kDropout = "dropout(Tensor input, Tensor seed, float p) -> Tensor";
inline constexpr const char* kLinearCrossEntropy =
    "linear_cross_entropy(Tensor input, Tensor weight, Tensor target, Tensor? bias, int ignore_index, "
    "float label_smoothing, float z_loss, str reduction, bool wants_input, bool wants_weight, bool wants_bias) -> "
    "(Tensor loss, Tensor losses, Tensor d_input, Tensor d_weight, Tensor d_bias)";
inline constexpr const char* kLinearCrossEntropyBackward =
    "linear_cross_entropy_backward(Tensor grad, Tensor input, Tensor weight, Tensor target, Tensor? bias, "
    "int ignore_index, float label_smoothing, float z_loss, str reduction, bool wants_input, bool wants_weight, "
    "bool wants_bias) -> (Tensor d_input, Tensor d_weight, Tensor d_bias)";

}  // namespace fastlm
