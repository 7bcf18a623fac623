// How many blocks of a kernel an SM holds, and so whether a cooperative grid or a cluster fits: on the host, without
// CUDA.
//
// tests/cuda/occupancy_check.cc compares it with NVIDIA's own cuda_occupancy.h. GPUs before sm_80 are not meant.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fastlm::cuda {

// What the blocks of a GPU share. Bytes of shared memory are those that a program may have.
struct SmLimits {
  int capability;  // 90 for 9.0
  int multiprocessors;
  int threads, blocks, registers;         // of an SM
  int64_t shared_of_sm, shared_of_block;  // of a block: at most, if it asks for it
  int max_cluster;                        // blocks; above 8 a kernel must ask for it
  int64_t shared_reserved = 1024;         // of each block, for the driver
};

// A GPU as its maker describes it: peaks, dense, 0 where none is published.
struct Device {
  const char* name;
  SmLimits limits;
  int64_t l2_bytes;
  double clock_ghz;                              // boost
  double l2_gb_s, dram_gb_s;                     // reads
  double fp32_tflops, tf32_tflops, half_tflops;  // multiply-adds as two; tf32, half: tensor cores, sums in fp32
};

// Limits: CUDA C++ Programming Guide 13.0, "Technical Specifications per Compute Capability". The rest: A100 80GB SXM
// datasheet and whitepaper (5,120 bytes/clock of L2); H100 SXM5 datasheet, L2 from table 3 of doi 10.1016/j.ultsonch.
// 2023.106546 (5,120 bytes/clock); L4 datasheet; Ada whitepaper; HGX B200 datasheet, an eighth of it.
inline constexpr Device kDevices[] = {
    {"A100", {80, 108, 2048, 32, 65536, 164 << 10, 163 << 10, 1}, 40 << 20, 1.41, 7219, 2039, 19.5, 156, 312},
    {"H100", {90, 132, 2048, 32, 65536, 228 << 10, 227 << 10, 16}, 50 << 20, 1.98, 8986, 3352, 66.9, 494.7, 989.4},
    {"L4", {89, 58, 1536, 24, 65536, 100 << 10, 99 << 10, 1}, 48 << 20, 2.04, 0, 300, 30.3, 60, 121},
    {"RTX 4090", {89, 128, 1536, 24, 65536, 100 << 10, 99 << 10, 1}, 72 << 20, 2.52, 0, 1008, 82.6, 82.6, 165.2},
    {"B200", {100, 148, 2048, 32, 65536, 228 << 10, 227 << 10, 16}, 126 << 20, 1.965, 0, 8000, 75, 1125, 2250},
};

// The current device: ask(attribute) is what cudaDeviceGetAttribute gives for it.
//   ask_limits([&](int attribute) { int n; check(cudaDeviceGetAttribute(&n, cudaDeviceAttr(attribute), device)); return
//   n; })
namespace attribute {
enum : int {
  kMultiprocessors = 16,
  kThreads = 39,
  kMajor = 75,
  kMinor = 76,
  kSharedOfSm = 81,
  kRegisters = 82,
  kSharedOfBlock = 97,
  kBlocks = 106,
  kSharedReserved = 111,
};
}  // namespace attribute

template <class Ask>
constexpr SmLimits ask_limits(Ask&& ask) {
  const int capability = 10 * ask(attribute::kMajor) + ask(attribute::kMinor);
  const int max_cluster = capability < 90 ? 1 : capability < 120 ? 16 : 8;
  return {capability,
          ask(attribute::kMultiprocessors),
          ask(attribute::kThreads),
          ask(attribute::kBlocks),
          ask(attribute::kRegisters),
          ask(attribute::kSharedOfSm),
          ask(attribute::kSharedOfBlock),
          max_cluster,
          ask(attribute::kSharedReserved)};
}

struct BlockUse {
  int threads;           // of a block
  int registers;         // of a thread
  int64_t shared_bytes;  // of a block, static and dynamic
};

// Blocks of one kernel that run at once on an SM; 0: not even one.
constexpr int blocks_per_sm(const SmLimits& limits, const BlockUse& use) {
  constexpr int kWarp = 32, kParts = 4;  // a quarter of an SM has a quarter of its registers
  constexpr auto round_up = [](int64_t number, int64_t multiple) {
    return (number + multiple - 1) / multiple * multiple;
  };
  if (use.threads < 1 || use.threads > 1024 || use.registers > 255) return 0;
  const int64_t warps = round_up(use.threads, kWarp) / kWarp;
  const int64_t registers_of_warp = round_up(std::max(use.registers, 1) * kWarp, 256);
  const int64_t shared = round_up(use.shared_bytes + limits.shared_reserved, 128);
  if (registers_of_warp * round_up(warps, kParts) > limits.registers) return 0;
  if (shared > limits.shared_of_block + limits.shared_reserved) return 0;
  const int64_t by_warps = limits.threads / kWarp / warps;
  const int64_t by_registers = limits.registers / kParts / registers_of_warp * kParts / warps;
  const int64_t by_shared = limits.shared_of_sm / shared;
  return int(std::min({by_warps, by_registers, by_shared, int64_t(limits.blocks)}));
}

// Blocks that run at once on the whole GPU: as many may a cooperative grid have.
constexpr int64_t resident_blocks(const SmLimits& limits, const BlockUse& use) {
  return int64_t(blocks_per_sm(limits, use)) * limits.multiprocessors;
}

// Whether a cluster of so many blocks can run at all. How many clusters run at once only the GPU knows: it depends on
// which SMs of a GPC are in use, cudaOccupancyMaxActiveClusters tells.
constexpr bool cluster_fits(const SmLimits& limits, const BlockUse& use, int blocks) {
  return blocks <= limits.max_cluster && blocks_per_sm(limits, use) > 0;
}

}  // namespace fastlm::cuda
