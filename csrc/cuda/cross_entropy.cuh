// The kernels of cross entropy: a block for a row of logits, which goes through them once for the sums, with the
// largest logit so far as their scale (Milakov & Gimelshein 2018), and once more to put their gradient in their place.
#pragma once

#include <cmath>
#include <limits>

#include "cross_entropy.h"
#include "number.cuh"

namespace fastlm::cuda {

inline constexpr int kLossThreads = 512;  // at most, of a block that owns a row
inline constexpr int kElementThreads = 256;

// What a loss needs of some logits of a row.
template <class C>
struct SoftmaxSums {
  static constexpr C kLowest = std::numeric_limits<C>::lowest();  // not -infinity, which cannot be subtracted

  C largest = kLowest;
  C sum = 0, total = 0;  // of e^(logit - largest), and of the logits themselves

  __device__ __forceinline__ void raise_to(C other) {
    if (!(other > largest)) return;
    sum *= std::exp(largest - other);
    largest = other;
  }
  __device__ __forceinline__ void add(const SoftmaxSums& other) {
    raise_to(other.largest);
    sum += other.sum * std::exp(other.largest - largest);
    total += other.total;
  }
  __device__ __forceinline__ SoftmaxSums of_lane(uint32_t mask, int away) const {
    SoftmaxSums there;
    there.largest = __shfl_xor_sync(mask, largest, away);
    there.sum = __shfl_xor_sync(mask, sum, away);
    there.total = __shfl_xor_sync(mask, total, away);
    return there;
  }
};

struct LossSums {
  double loss = 0, rows = 0;

  __device__ __forceinline__ void add(const LossSums& other) { loss += other.loss, rows += other.rows; }
  __device__ __forceinline__ LossSums of_lane(uint32_t mask, int away) const {
    LossSums there;
    there.loss = __shfl_xor_sync(mask, loss, away);
    there.rows = __shfl_xor_sync(mask, rows, away);
    return there;
  }
};

// Of all threads of a block of whole warps; the same bits for each of them. parts: [warps], shared.
template <class Sums>
__device__ __forceinline__ Sums sums_of_block(Sums mine, Sums* parts) {
  constexpr uint32_t kAllLanes = 0xFFFFFFFF;
  for (int away = kWarp / 2; away > 0; away /= 2) mine.add(mine.of_lane(kAllLanes, away));
  if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = mine;
  __syncthreads();
  Sums sums = parts[0];
  for (int warp = 1; warp < int(blockDim.x) / kWarp; warp++) sums.add(parts[warp]);
  return sums;
}

// The row of a block: its logits with their bias, and what is put in their place.
template <class T>
class LogitRow {
  using C = Computed<T>;

 public:
  static constexpr int kWide = 16 / sizeof(T);  // that a thread takes at a time

  __device__ __forceinline__ LogitRow(const CrossEntropy<T>& args, int64_t r)
      : logits_(args.logits + r * args.stride), bias_(args.bias), classes_(args.classes) {}

  __device__ __forceinline__ C logit(int64_t c) const {
    return computed(logits_[c]) + (bias_ ? computed(bias_[c]) : C(0));
  }

  // Calls f(first class) for this thread's share of the row, kWide classes at a time.
  template <class F>
  __device__ __forceinline__ void for_pieces(const F& f) const {
    for (int64_t c = int64_t(threadIdx.x) * kWide; c < classes_; c += int64_t(blockDim.x) * kWide) f(c);
  }

  // From class c on; -infinity behind the last one.
  __device__ __forceinline__ Wide<C, kWide> load(int64_t c) const {
    Wide<C, kWide> logits;
    if (c + kWide <= classes_) {
      const Wide<T, kWide> stored = load_wide<kWide>(logits_ + c);
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) logits.v[i] = computed(stored.v[i]);
      if (!bias_) return logits;
      const Wide<T, kWide> bias = load_wide<kWide>(bias_ + c);
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) logits.v[i] += computed(bias.v[i]);
    } else {
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) logits.v[i] = c + i < classes_ ? logit(c + i) : C(-INFINITY);
    }
    return logits;
  }

  __device__ __forceinline__ void store(int64_t c, const Wide<C, kWide>& numbers) const {
    if (c + kWide <= classes_) {
      Wide<T, kWide> stored;
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) stored.v[i] = T(numbers.v[i]);
      store_wide(logits_ + c, stored);
    } else {
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++)
        if (c + i < classes_) logits_[c + i] = T(numbers.v[i]);
    }
  }

  // Of this thread's share.
  __device__ __forceinline__ SoftmaxSums<C> sums() const {
    SoftmaxSums<C> sums;
    for_pieces([&](int64_t c) {
      const Wide<C, kWide> logits = load(c);
      C largest = logits.v[0];
      FASTLM_UNROLL
      for (int i = 1; i < kWide; i++) largest = logits.v[i] > largest ? logits.v[i] : largest;
      sums.raise_to(largest);
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) {
        sums.sum += std::exp(logits.v[i] - sums.largest);
        if (c + i < classes_) sums.total += logits.v[i];
      }
    });
    return sums;
  }

 private:
  T* const logits_;
  const T* const bias_;
  const int64_t classes_;
};

template <class T>
__global__ void __launch_bounds__(kLossThreads) cross_entropy_kernel(CrossEntropy<T> args) {
  using C = Computed<T>;
  const C nan = C(NAN);
  constexpr int kWide = LogitRow<T>::kWide;
  const int64_t r = blockIdx.x, target = args.target[r];
  SharedArrays shared;
  SoftmaxSums<C>* const parts = shared.take<SoftmaxSums<C>>(blockDim.x / kWarp);
  const LogitRow<T> row(args, r);
  if (target == args.ignore_index) {
    if (threadIdx.x == 0) args.loss[r] = C(0);
    if (args.wants_gradient) row.for_pieces([&](int64_t c) { row.store(c, {}); });
    return;
  }
  const bool is_class = target >= 0 && target < args.classes;
  const C logit = is_class ? row.logit(target) : nan;  // before the barrier, behind which gradients take its place
  const SoftmaxSums<C> sums = sums_of_block(row.sums(), parts);
  if (threadIdx.x == 0)
    args.loss[r] = C(args.rule.loss(double(sums.largest) + std::log(double(sums.sum)), double(logit),
                                    double(sums.total) / double(args.classes)));
  if (!args.wants_gradient) return;
  const C grad = is_class ? (args.grad ? computed(args.grad[r]) : C(1)) : nan;
  const C on_exponential = grad * C(args.rule.on_probability(sums.largest + std::log(sums.sum))) / sums.sum;
  const C on_all = grad * C(args.rule.on_all()) / C(args.classes), on_target = grad * C(args.rule.on_target());
  row.for_pieces([&](int64_t c) {
    Wide<C, kWide> numbers = row.load(c);
    FASTLM_UNROLL
    for (int i = 0; i < kWide; i++) {
      numbers.v[i] = std::exp(numbers.v[i] - sums.largest) * on_exponential - on_all;
      if (c + i == target) numbers.v[i] -= on_target;
    }
    row.store(c, numbers);
  });
}

// One block.
template <class T>
__global__ void __launch_bounds__(kLossThreads) reduce_losses_kernel(ReducedLoss<T> args) {
  SharedArrays shared;
  LossSums* const parts = shared.take<LossSums>(blockDim.x / kWarp);
  LossSums mine;
  for (int64_t r = threadIdx.x; r < args.rows; r += blockDim.x)
    if (args.target[r] != args.ignore_index) mine.add({double(args.losses[r]), 1});
  const LossSums sums = sums_of_block(mine, parts);
  if (threadIdx.x > 0) return;
  const Computed<T> grad = args.grad ? computed(*args.grad) : Computed<T>(1);
  *args.loss = T(Computed<T>(args.mean ? sums.loss / sums.rows : sums.loss));
  *args.factor = args.mean && sums.rows > 0 ? grad / Computed<T>(sums.rows) : grad;
}

// to[i] = f(to[i], from[i]); both begin at multiples of 16 bytes.
template <class From, class To, class F>
__device__ __forceinline__ void transform(const From* from, To* to, int64_t count, const F& f) {
  constexpr int kWide = 4;
  const int64_t step = kWide * int64_t(gridDim.x) * blockDim.x;
  for (int64_t first = kWide * (int64_t(blockIdx.x) * blockDim.x + threadIdx.x); first < count; first += step) {
    if (first + kWide <= count) {
      const Wide<From, kWide> operands = load_wide<kWide>(from + first);
      Wide<To, kWide> results = load_wide<kWide>(to + first);
      FASTLM_UNROLL
      for (int i = 0; i < kWide; i++) results.v[i] = f(results.v[i], operands.v[i]);
      store_wide(to + first, results);
    } else {
      for (int64_t i = first; i < count; i++) to[i] = f(to[i], from[i]);
    }
  }
}

template <class T>
__global__ void __launch_bounds__(kElementThreads) add_to_sums_kernel(const T* part, Computed<T>* sums, int64_t count) {
  transform(part, sums, count, [](Computed<T> sum, T number) { return sum + computed(number); });
}

template <class From, class To>
__global__ void __launch_bounds__(kElementThreads)
    multiply_by_kernel(const Computed<To>* factor, const From* from, To* to, int64_t count) {
  const Computed<To> by = factor ? *factor : Computed<To>(1);
  transform(from, to, count, [by](To, From number) { return To(computed(number) * by); });
}

}  // namespace fastlm::cuda
