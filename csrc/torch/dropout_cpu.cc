// Dropout on the CPU.
#include "../core/half.h"
#include "../cpu/dropout.h"
#include "dropout.h"
#include "team.h"

namespace fastlm {
namespace {

struct Cpu {
  static void run(const Tensor& seed, double p, const Tensor& input, const Tensor& output) {
    const DropoutRule rule(uint64_t(*seed.const_data_ptr<int64_t>()), p);
    const auto on = [&]<class T>(T) {
      TorchTeam team;
      cpu::dropout(rule, static_cast<const T*>(input.const_data_ptr()), static_cast<T*>(output.mutable_data_ptr()),
                   input.numel(), team);
    };
    switch (const ScalarType type = input.scalar_type()) {
      case ScalarType::Float:
        return on(float());
      case ScalarType::Double:
        return on(double());
      case ScalarType::Half:
        return on(Half());
      case ScalarType::BFloat16:
        return on(BFloat16());
      default:
        check(false, "dropout: expected a floating point tensor, got ", torch::headeronly::toString(type));
    }
  }
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) { m.impl("dropout", TORCH_BOX(&dropout<Cpu>)); }

}  // namespace fastlm
