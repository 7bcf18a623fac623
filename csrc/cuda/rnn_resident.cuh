// The product of a step with weights that stay on the chip: in registers of their thread, the rest in shared memory.
//
// No thread reads another's weights, so they need no barrier; in shared memory a thread's 16 bytes lie next to its
// neighbour's. See persistent_plan.h for who has which.
#pragma once

#include <cstring>

#include "rnn_exchange.cuh"

// Loads of so many rounds of a loop go out together: more would cost more registers than there are.
#ifdef __CUDACC__
#define FASTLM_ABREAST _Pragma("unroll kAbreast")
#else
#define FASTLM_ABREAST
#endif

namespace fastlm::cuda {

// One or two numbers in a register.
template <class T>
struct Word {
  static constexpr int kPack = 1;
  T bits;
  __device__ __forceinline__ void set(int, T number) { bits = number; }
  __device__ __forceinline__ T get(int) const { return bits; }
};

template <class T>
struct PackedWord {
  static constexpr int kPack = 2;
  uint32_t bits = 0;
  __device__ __forceinline__ void set(int i, T number) {
    uint16_t half;
    std::memcpy(&half, &number, 2);
    bits |= uint32_t(half) << 16 * i;
  }
  __device__ __forceinline__ float get(int i) const {
    if constexpr (std::is_same_v<T, __nv_bfloat16>) {  // the upper half of a float
      const uint32_t wide = i ? bits & 0xFFFF0000u : bits << 16;
      float number;
      std::memcpy(&number, &wide, 4);
      return number;
    } else {
      const uint16_t half = uint16_t(bits >> 16 * i);
      T number;
      std::memcpy(&number, &half, 2);
      return computed(number);
    }
  }
};
template <>
struct Word<__half> : PackedWord<__half> {};
template <>
struct Word<__nv_bfloat16> : PackedWord<__nv_bfloat16> {};

// The sums of a lane, [kUnits][kRows][kGates]; after gather() the first [kOwnRows][kGates] are those of its own unit
// and rows.
template <class C, int kUnits, int kRows, int kGates>
struct LaneSums {
  C v[kUnits * kRows * kGates] = {};

  // Adds up over the lanes of a group, in the same order whatever the schedule. While a lane has more than it will own,
  // it gives one half away and gets the other half of its neighbour's.
  __device__ __forceinline__ void gather(int split) {
    halve<kQuarters * kUnits / 2, kUnits * kRows>();
    for (int mask = kQuarters * kUnits; mask < split; mask *= 2) {
      FASTLM_UNROLL
      for (int i = 0; i < kOwn; i++) v[i] += __shfl_xor_sync(kAllLanes, v[i], mask);
    }
  }
  __device__ __forceinline__ Pack<C, kGates> of_row(int r) const {
    Pack<C, kGates> gates;
    FASTLM_UNROLL
    for (int g = 0; g < kGates; g++) gates[g] = v[r * kGates + g];
    return gates;
  }

 private:
  static constexpr unsigned kAllLanes = 0xFFFFFFFFu;
  static constexpr int kOwn = (kRows > kQuarters ? kRows / kQuarters : 1) * kGates;

  template <int kMask, int kParts>
  __device__ __forceinline__ void halve() {
    if constexpr (kMask > 0 && kParts > 1) {
      constexpr int kHalf = kParts / 2 * kGates;
      const bool upper = threadIdx.x & kMask;
      FASTLM_UNROLL
      for (int i = 0; i < kHalf; i++) {
        const C kept = upper ? v[i + kHalf] : v[i], given = upper ? v[i] : v[i + kHalf];
        v[i] = kept + __shfl_xor_sync(kAllLanes, given, kMask);
      }
      halve<kMask / 2, kParts / 2>();
    } else if constexpr (kMask > 0) {
      FASTLM_UNROLL
      for (int i = 0; i < kOwn; i++) v[i] += __shfl_xor_sync(kAllLanes, v[i], kMask);
      halve<kMask / 2, 1>();
    }
  }
};

// What a thread does: as lane `lane` of a group it multiplies for units [group_unit, ... + kUnits), and then it has
// rows [row, row + kOwnRows) of `unit`, of the kRows of its row group.
template <int kUnits, int kRows>
struct Place {
  static constexpr int kOwnRows = kRows > kQuarters ? kRows / kQuarters : 1;
  int lane, unit, group_unit, end, row;  // end: of the block's units
  bool owns;                             // the cell's work: other lanes have the same sums

  __device__ __forceinline__ Place(const PersistentPlan& plan, int hidden, int thread) {
    constexpr int kLanes = kQuarters * kUnits;
    const int first = blockIdx.y * plan.units_of_block, quarter = thread % kQuarters;
    end = first + plan.units_of_block < hidden ? first + plan.units_of_block : hidden;
    lane = thread & ((kLanes << plan.doublings) - 1);
    group_unit = first + (thread / kLanes >> plan.doublings) * kUnits;
    unit = group_unit + thread % kLanes / kQuarters;
    row = quarter * kRows / kQuarters;
    owns = unit < end && lane < kLanes && quarter * kRows % kQuarters == 0;
  }
  __device__ __forceinline__ int64_t group_sequence() const { return int64_t(blockIdx.x) * kRows; }
  __device__ __forceinline__ int64_t sequence() const { return group_sequence() + row; }
};

template <class T, int kUnits, int kRows, int kGates, bool kBackward>
class ResidentWeights {
 public:
  using C = Computed<T>;
  using Sums = LaneSums<C, kUnits, kRows, kGates>;

  // weight(n, place): of the n'th sum of the lane's group, zero where there is none.
  template <class Weight>
  __device__ __forceinline__ ResidentWeights(SharedArrays& shared, const PersistentPlan& plan, int lane,
                                             Weight&& weight)
      : streamed_tiles_(plan.tiles - kHeld), split_((kQuarters * kUnits) << plan.doublings) {
    const int chunks = streamed_tiles_ * kChunks;
    streamed_ = shared.take<Chunk>(int64_t(chunks) * blockDim.x) + threadIdx.x;
    int place = lane;
    const auto load_words = [&](W* words) {
      FASTLM_UNROLL
      for (int j = 0; j < kStep; j++) {
        FASTLM_UNROLL
        for (int n = 0; n < kSums; n++) words[j * kSums + n] = W{};
        FASTLM_UNROLL
        for (int i = 0; i < kPack; i++, place += split_) {
          FASTLM_UNROLL
          for (int n = 0; n < kSums; n++) words[j * kSums + n].set(i, weight(n, place));
        }
      }
    };
    FASTLM_UNROLL
    for (int tile = 0; tile < kHeld; tile++) load_words(held_[tile]);
    FASTLM_ABREAST
    for (int tile = 0; tile < streamed_tiles_; tile++) {
      W words[kChunks * kWide];
      load_words(words);
      FASTLM_UNROLL
      for (int c = 0; c < kChunks; c++) {
        Chunk chunk;
        FASTLM_UNROLL
        for (int w = 0; w < kWide; w++) chunk.v[w] = words[c * kWide + w];
        streamed_[(tile * kChunks + c) * blockDim.x] = chunk;
      }
    }
  }

  // zero: 0, of which the compiler does not know that it is the same at every step. Else it would unpack the words in
  // registers once, before the steps, and there is no room for that.
  __device__ __forceinline__ Sums multiply(const RowLayout<C, kRows>& layout, const C* rows, int lane, uint32_t zero) {
    Sums sums;
    rows += lane * kPlane;
    FASTLM_UNROLL
    for (int tile = 0; tile < kHeld; tile++) {
      W words[kWords];
      FASTLM_UNROLL
      for (int w = 0; w < kWords; w++) {
        words[w] = held_[tile][w];
        if constexpr (kPack == 2) words[w].bits ^= zero;
      }
      add(sums, words, layout, rows);
    }
    const Chunk* chunks = streamed_;
    FASTLM_ABREAST
    for (int tile = 0; tile < streamed_tiles_; tile++) {
      W words[kChunks * kWide];
      FASTLM_UNROLL
      for (int c = 0; c < kChunks; c++, chunks += blockDim.x) {
        const Chunk chunk = *chunks;
        FASTLM_UNROLL
        for (int w = 0; w < kWide; w++) words[c * kWide + w] = chunk.v[w];
      }
      add(sums, words, layout, rows);
    }
    sums.gather(split_);
    return sums;
  }

 private:
  using W = Word<T>;
  static constexpr PersistentTile kTile{kGates, int(sizeof(T)), kBackward, kRows};
  static constexpr int kSums = kTile.sums, kStep = kTile.step, kPack = kTile.pack, kHeld = kTile.held;
  static constexpr int kWords = kTile.words(), kWide = kTile.wide(), kChunks = kWords / kWide;
  static constexpr int kPlane = RowLayout<C, kRows>::kPlane;
  static constexpr int kAbreast = kPack * kWords > 4 ? 1 : 2;
  using Chunk = Wide<W, kWide>;
  static_assert(sizeof(W) == kTile.word_bytes && kPack == W::kPack && kSums == kUnits * kGates);

  // rows: at the lane's place in the tile, and then in the next one.
  __device__ __forceinline__ void add(Sums& sums, const W* words, const RowLayout<C, kRows>& layout, const C*& rows) {
    FASTLM_UNROLL
    for (int j = 0; j < kStep; j++) {
      FASTLM_UNROLL
      for (int i = 0; i < kPack; i++, rows += split_ * kPlane) {
        FASTLM_UNROLL
        for (int p = 0; p < kRows / kPlane; p++) {
          const auto h = load_wide<kPlane>(rows + p * layout.plane_size());
          FASTLM_UNROLL
          for (int n = 0; n < kSums; n++) {
            const C weight = words[j * kSums + n].get(i);
            FASTLM_UNROLL
            for (int r = 0; r < kPlane; r++)
              sums.v[(n / kGates * kRows + p * kPlane + r) * kGates + n % kGates] += weight * h.v[r];
          }
        }
      }
    }
  }

  W held_[kHeld][kWords];
  Chunk* streamed_;
  int streamed_tiles_, split_;
};

}  // namespace fastlm::cuda
