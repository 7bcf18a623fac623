// Runs the toy kernels with the fault that the command line names, and says what is found. Without one: "all is well".
#include <cmath>
#include <cstdio>
#include <exception>
#include <map>
#include <string>
#include <vector>

#include "toy_kernels.cuh"

namespace {

using namespace toy;

const std::map<std::string, Fault> kFaults = {{"none", Fault::kNone},
                                              {"no_block_barrier", Fault::kNoBlockBarrier},
                                              {"shared_overrun", Fault::kSharedOverrun},
                                              {"global_overrun", Fault::kGlobalOverrun},
                                              {"unwritten_gate", Fault::kUnwrittenGate},
                                              {"lost_update", Fault::kLostUpdate},
                                              {"whole_mask", Fault::kWholeMask},
                                              {"narrow_mask", Fault::kNarrowMask},
                                              {"no_grid_barrier", Fault::kNoGridBarrier},
                                              {"no_signal", Fault::kNoSignal},
                                              {"no_cluster_barrier", Fault::kNoClusterBarrier},
                                              {"block_ends", Fault::kBlockEnds},
                                              {"no_async_wait", Fault::kNoAsyncWait},
                                              {"no_async_barrier", Fault::kNoAsyncBarrier}};

enum class Kind { kPlain, kCooperative, kCluster };

template <class... Parameter, class... Argument>
void launch(Kind kind, void (*kernel)(Parameter...), unsigned blocks, Argument... arguments) {
  cudaLaunchAttribute attribute{};
  if (kind == Kind::kCooperative) {
    attribute.id = cudaLaunchAttributeCooperative;
    attribute.val.cooperative = 1;
  } else if (kind == Kind::kCluster) {
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim = {kBlocks, 1, 1};
  }
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(blocks), config.blockDim = dim3(kThreads);
  config.dynamicSmemBytes = 2 * kThreads * sizeof(float);
  config.attrs = &attribute, config.numAttrs = kind != Kind::kPlain;
  fastlm::cuda::check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameter>(arguments)...), "launch");
}

std::vector<float> numbers_of(int count) {
  std::vector<float> numbers(count);
  for (int i = 0; i < count; i++) numbers[i] = float(i * 7 % 31);
  return numbers;
}

template <class Wanted>
std::string compare(const char* name, const std::vector<float>& got, const Wanted& wanted) {
  for (int i = 0; i < int(got.size()); i++)
    if (!(got[i] == wanted(i)))
      return std::string(name) + "[" + std::to_string(i) + "] is " + std::to_string(got[i]) + ", wanted " +
             std::to_string(wanted(i));
  return {};
}

// Each returns what is wrong with its kernel's results.

std::string neighbours(Fault fault) {
  const int count = kBlocks * kThreads;
  const auto in = numbers_of(count);
  std::vector<float> out(count, NAN);
  launch(Kind::kPlain, neighbours_kernel, kBlocks + (fault == Fault::kGlobalOverrun), in.data(), out.data(), count,
         fault);
  return compare("neighbours", out, [&](int i) {
    const int begin = i / kThreads * kThreads;
    return in[begin + (i + 1) % kThreads] + in[begin + (i + kThreads - 1) % kThreads];
  });
}

std::string gates(Fault fault) {
  const auto in = numbers_of(kBlocks * kThreads);
  std::vector<float> out(in.size() / 4, NAN);
  launch(Kind::kPlain, gates_kernel, kBlocks, in.data(), out.data(), fault);
  return compare("gates", out, [&](int i) { return in[4 * i] * in[4 * i + 1] + in[4 * i + 2] * in[4 * i + 3]; });
}

std::string count(Fault fault) {
  unsigned number = 0;
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(kBlocks);
  fastlm::cuda::check(cudaLaunchKernelEx(&config, count_kernel, &number, fault), "launch");
  return compare("count", {float(number)}, [](int) { return float(kBlocks); });
}

std::string sum(Fault fault) {
  const auto in = numbers_of(kBlocks * kThreads);
  std::vector<float> out(in.size() / 32, NAN);
  launch(Kind::kPlain, sum_kernel, kBlocks, in.data(), out.data(), fault);
  return compare("sum", out, [&](int i) {
    float wanted = 0;
    for (int lane = 0; lane < 16; lane++) wanted += in[32 * i + lane];
    return wanted;
  });
}

float passed_on(int i) {  // what has come to the i-th thread from the left
  return numbers_of(kBlocks * kThreads)[(i + (kBlocks - kSteps % kBlocks) * kThreads) % (kBlocks * kThreads)] + kSteps;
}

std::string relay(Fault fault) {
  auto numbers = numbers_of(kBlocks * kThreads);
  numbers.resize(2 * numbers.size(), NAN);
  uint32_t counter = 1;
  cudaMemsetAsync(&counter, 0, sizeof counter, nullptr);
  launch(Kind::kCooperative, relay_kernel, kBlocks, numbers.data(), &counter, fault);
  numbers.resize(kBlocks * kThreads);
  return compare("relay", numbers, passed_on);
}

std::string ring(Fault fault) {
  auto numbers = numbers_of(kBlocks * kThreads);
  launch(Kind::kCluster, ring_kernel, kBlocks, numbers.data(), fault);
  return compare("ring", numbers, passed_on);
}

std::string stage(Fault fault) {
  const auto in = numbers_of(kSteps * kThreads);
  std::vector<Four> fours(in.size() / 4);
  for (size_t i = 0; i < in.size(); i++) fours[i / 4].v[i % 4] = in[i];
  std::vector<float> out(kThreads, NAN);
  launch(Kind::kPlain, stage_kernel, 1, fours.data(), out.data(), fault);
  return compare("stage", out, [&](int i) {
    float wanted = 0;
    for (int step = 0; step < kSteps; step++) wanted += in[step * kThreads + kThreads - 1 - i];
    return wanted;
  });
}

}  // namespace

int main(int argc, char** argv) {
  const auto found = kFaults.find(argc > 1 ? argv[1] : "none");
  if (found == kFaults.end()) {
    std::printf("no such fault: %s\n", argv[1]);
    return 2;
  }
  try {
    for (uint64_t seed = 0; seed < 8; seed++) {
      simt::settings().order = seed == 0   ? simt::Order::kForward
                               : seed == 1 ? simt::Order::kReverse
                                           : simt::Order::kRandom;
      simt::settings().seed = seed;
      for (const auto& run : {neighbours, gates, count, sum, relay, ring, stage})
        if (const std::string complaint = run(found->second); !complaint.empty()) {
          std::printf("wrong in order %d: %s\n", int(seed), complaint.c_str());
          return 1;
        }
    }
  } catch (const std::exception& error) {
    std::printf("%s\n", error.what());
    return 1;
  }
  std::printf("all is well\n");
}
