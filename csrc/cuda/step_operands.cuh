// The operands of a step's product, made ready in the workspace: the weights once a call, in the layout that the
// product reads; the first rows of the left-hand side.
#pragma once

#include "tensor_product.cuh"

namespace fastlm::cuda {

inline constexpr int kPackTile = 64;

// to = from [rows, columns], or from transposed (kTurned): rows `stride` apart, a multiple of a piece, zeros behind the
// last number. Through shared memory, so that both sides move whole pieces of 16 bytes; `whole`: from's rows have them.
template <class T, bool kTurned, bool kTensor>
__global__ void __launch_bounds__(kStepThreads, 2)
    pack_kernel(const T* __restrict__ from, int64_t rows, int64_t columns, bool whole, T* to, int64_t stride) {
  constexpr int kPiece = piece_of(sizeof(T)), kPieces = kPackTile / kPiece, kTileStride = kPackTile + kPiece;
  SharedArrays shared;
  T* const tile = shared.take<T>(kPackTile * kTileStride);
  const int64_t row0 = int64_t(blockIdx.x) * kPackTile, column0 = int64_t(blockIdx.y) * kPackTile;
  for (int at = threadIdx.x; at < kPackTile * kPieces; at += kStepThreads) {
    const int row = at / kPieces, column = at % kPieces * kPiece;
    const int64_t k = column0 + column, rest = row0 + row < rows ? columns - k : 0;
    Wide<T, kPiece> numbers;
    if (whole && rest > 0) {
      numbers = load_wide<kPiece>(from + (row0 + row) * columns + k);
    } else {
      FASTLM_UNROLL
      for (int i = 0; i < kPiece; i++) numbers.v[i] = i < rest ? from[(row0 + row) * columns + k + i] : T(0);
    }
    store_wide(tile + row * kTileStride + column, numbers);
  }
  __syncthreads();
  for (int at = threadIdx.x; at < kPackTile * kPieces; at += kStepThreads) {
    const int row = kTurned ? at % kPackTile : at / kPieces;  // of the tile as it is written
    const int column = (kTurned ? at / kPackTile : at % kPieces) * kPiece;
    const int64_t n = (kTurned ? column0 : row0) + row, k = (kTurned ? row0 : column0) + column;
    if (n >= (kTurned ? columns : rows) || k >= stride) continue;
    Wide<T, kPiece> numbers;
    FASTLM_UNROLL
    for (int i = 0; i < kPiece; i++) {
      const T number = kTurned ? tile[(column + i) * kTileStride + row] : tile[row * kTileStride + column + i];
      numbers.v[i] = operand_number<T, kTensor>(computed(number));
    }
    store_wide(to + n * stride + k, numbers);
  }
}

// What StepProduct::run takes, for the block that begins with unit `first`.
template <class T, bool kTensor>
struct StepWeights {
  const T* at;
  int64_t stride, gate_stride;

  FASTLM_HD const T* from(int64_t first) const { return at + (kTensor ? first * stride : first); }
};

// Weights for a product with their transpose, x [., columns] -> [., rows], whose rows are `units` for each gate; or
// (backward) with themselves, x [., rows] -> [., columns]. copy: weights_bytes() of workspace, left alone where the
// product can read them as they are.
template <class T, bool kTensor>
StepWeights<T, kTensor> prepare_weights(const T* weights, int64_t rows, int64_t columns, int64_t units, bool backward,
                                        T* copy, cudaStream_t stream) {
  constexpr int kPiece = piece_of(sizeof(T));
  const bool turned = kTensor == backward;
  const bool whole = columns % kPiece == 0 && reinterpret_cast<uintptr_t>(weights) % 16 == 0;
  const auto with_stride = [&](const T* at, int64_t stride) {
    return StepWeights<T, kTensor>{at, stride, kTensor ? units * stride : units};
  };
  if (!turned && (!kTensor || (whole && sizeof(T) == 2))) return with_stride(weights, columns);
  const int64_t stride = round_up(turned ? rows : columns, kPiece);
  SharedArrays shared;
  shared.reserve<T>(kPackTile * (kPackTile + kPiece));
  const LaunchShape shape{dim3(unsigned(divide_up(rows, kPackTile)), unsigned(divide_up(columns, kPackTile))),
                          dim3(kStepThreads), shared.bytes()};
  const auto run = [&](auto kernel) {
    launch("pack", kernel, shape, stream, weights, rows, columns, whole, copy, stride);
  };
  if (turned)
    run(pack_kernel<T, true, kTensor>);
  else if constexpr (kTensor)
    run(pack_kernel<T, false, true>);
  return with_stride(copy, stride);
}

// Both copies of the left-hand side, [2, batch] rows of `padded` numbers: what `from` [batch, width] has (null: zeros),
// times the factors of `mask` (null: ones), and zeros behind it.
template <class T, bool kTensor>
__global__ void __launch_bounds__(kStepThreads, 2)
    begin_kernel(const T* from, const T* mask, int64_t batch, int64_t width, int64_t padded, T* to) {
  const int64_t k = int64_t(blockIdx.y) * kStepThreads + threadIdx.x, row = blockIdx.x, at = row % batch * width + k;
  if (k >= padded) return;
  auto number = from && k < width ? computed(from[at]) : Computed<T>(0);
  if (mask && k < width) number *= computed(mask[at]);
  to[row * padded + k] = operand_number<T, kTensor>(number);
}

template <class T, bool kTensor>
void launch_begin(const T* from, const T* mask, int64_t batch, int64_t width, int64_t padded, T* to,
                  cudaStream_t stream) {
  launch("begin", begin_kernel<T, kTensor>,
         {dim3(unsigned(2 * batch), unsigned(divide_up(padded, kStepThreads))), dim3(kStepThreads)}, stream, from, mask,
         batch, width, padded, to);
}

}  // namespace fastlm::cuda
