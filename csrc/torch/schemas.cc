// The operators of fastlm, in one place. fastlm/ops has their documentation, fake kernels and gradients.
#include <torch/csrc/stable/library.h>

STABLE_TORCH_LIBRARY(fastlm, m) {
  m.def(
      "rnn_layer(Tensor input, Tensor[] hx, Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, "
      "Tensor? batch_sizes, str cell, Tensor[] w_hr, Tensor[] gains, Tensor? h_mask, Tensor? zoneout_seed, "
      "float zoneout_h, float zoneout_c, float? bptt_clip, bool all_states, bool for_backward) -> "
      "(Tensor output, Tensor[] hn, Tensor[] states, Tensor saved)");
  m.def(
      "rnn_layer_backward(Tensor grad_output, Tensor[] grad_hn, Tensor[] grad_states, Tensor input, Tensor[] hx, "
      "Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, Tensor? batch_sizes, str cell, Tensor[] w_hr, "
      "Tensor[] gains, Tensor? h_mask, Tensor? zoneout_seed, float zoneout_h, float zoneout_c, float? bptt_clip, "
      "Tensor output, Tensor saved, bool wants_input, bool wants_hx) -> (Tensor d_input, Tensor[] d_hx, "
      "Tensor[] d_w_ih, Tensor[] d_w_hh, Tensor[] d_b_ih, Tensor[] d_b_hh, Tensor[] d_w_hr, Tensor[] d_gains)");
  m.def(
      "rnn_stream(Tensor input, Tensor[] hx, Tensor[] w_ih, Tensor[] w_hh, Tensor[] b_ih, Tensor[] b_hh, "
      "Tensor[] scale_ih, Tensor[] scale_hh, str cell) -> (Tensor output, Tensor[] hn)");
  m.def("dropout(Tensor input, Tensor seed, float p) -> Tensor");
  m.def("cells() -> str[]");
  m.def("cell_traits(str cell) -> int[]");
  m.def("measure_fma(int repeats) -> float");
  m.def("measure_read(Tensor buffer, int repeats) -> float");
}
