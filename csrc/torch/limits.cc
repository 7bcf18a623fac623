// The machine's limits as operators, for fastlm doctor and fastlm bench.
#include "../cpu/limits.h"

#include <chrono>

#include "aten.h"
#include "team.h"

namespace fastlm {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// GFLOP/s of float32 multiply-adds that never leave the registers, on torch's threads
double measure_fma(int64_t repeats) {
  TorchTeam team;
  int64_t operations = 0;
  const double seconds = seconds_of([&] { operations = cpu::run_fma(repeats, team); });
  return operations / seconds / 1e9;
}

// GB/s of reading a float32 buffer `repeats` times, on torch's threads
double measure_read(const Tensor& buffer, int64_t repeats) {
  check(buffer.scalar_type() == ScalarType::Float && buffer.is_contiguous(),
        "measure_read: expected a dense float32 buffer");
  TorchTeam team;
  const double seconds =
      seconds_of([&] { cpu::run_read(buffer.const_data_ptr<float>(), buffer.numel(), repeats, team); });
  return double(buffer.numel()) * 4 * repeats / seconds / 1e9;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CompositeExplicitAutograd, m) { m.impl("measure_fma", TORCH_BOX(&measure_fma)); }
STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) { m.impl("measure_read", TORCH_BOX(&measure_read)); }

}  // namespace fastlm
