// Dropout of an array that does not begin at a multiple of 16 bytes.
#include "cuda/dropout.h"

#include "fault.h"

int main() {
  return fastlm::report([] {
    const int64_t seed = 1, count = 100;
    std::vector<float> input(count + 1, 1), output(count + 1);
    fastlm::cuda::dropout(fastlm::cuda::Number::kFloat, &seed, 0.5, input.data() + 1, output.data() + 1, count,
                          nullptr);
    return std::string();
  });
}
