// Cross entropy of rows of logits, of which some are ignored and one has no target; and the mean of losses.
#include "cross_entropy_case.h"
#include "fault.h"

using namespace fastlm;

template <class T>
std::string rows_complaint(int64_t classes, double limit) {
  CrossEntropyCase<T> rows(4, classes, {});
  rows.target()[2] = classes;
  return rows.complaint(1e-6, limit);
}

std::string mean_complaint() {
  const std::vector<float> losses(100, 2);
  std::vector<int64_t> target(100, 0);
  for (int r = 0; r < 100; r += 4) target[r] = kIgnored;
  float loss = NAN, factor = NAN;
  cuda::reduce_losses<float>({100, losses.data(), target.data(), kIgnored, true, nullptr, &loss, &factor}, nullptr);
  return loss == 2 && factor == float(1.0 / 75) ? "" : "mean " + std::to_string(loss);
}

int main() {
  return report([] {
    for (const auto& text : {rows_complaint<float>(1302, 1e-6), rows_complaint<__half>(301, 4e-3), mean_complaint()})
      if (!text.empty()) return text;
    return std::string();
  });
}
