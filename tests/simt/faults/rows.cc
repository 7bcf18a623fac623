// Layer norm and projection.
#include "cuda/rnn_normed.cuh"
#include "fault.h"

using namespace fastlm;

template <class Cell, class T>
std::string run(const Case<Cell>& c) {
  constexpr cuda::DeviceLimits kLimits{132, 232448};
  constexpr auto kPrecision = cuda::Precision::kExact;
  const RnnRun<Cell, T> run(
      c,
      [&](const cuda::Forward<T>& f) {
        Workspace workspace(cuda::normed_forward_workspace<Cell, T>(f, kPrecision, kLimits));
        cuda::launch_normed_forward<Cell, T>(f, kPrecision, kLimits, workspace.data(), nullptr);
      },
      [&](const cuda::Backward<T>& b) {
        Workspace workspace(cuda::normed_backward_workspace<Cell, T>(b, kPrecision, kLimits));
        cuda::launch_normed_backward<Cell, T>(b, kPrecision, kLimits, workspace.data(), nullptr);
      });
  return run.complaint(4 * RnnRun<Cell, T>::default_tolerance());
}

int main() {
  const Case<Lstm> packed({5, 4, 2, 1}, 70, true,
                          {.projection = 19, .norm = true, .mask = true, .states = true, .zoneout = 0.3, .clip = 0.4});
  const Case<Gru> plain({3, 3}, 33, false, {.norm = true, .zoneout = 0.2, .random = false});
  return report([&] {
    for (const auto& text : {run<Lstm, float>(packed), run<Gru, float>(plain), run<Gru, __half>(plain)})
      if (!text.empty()) return text;
    return std::string();
  });
}
