// A block's tile of a product on tensor cores: step_product.cuh says what it is and how it is used.
//
// Both operands have the depth contiguous, and a lane loads pieces of 16 bytes of them from L2 straight into registers:
// with q = lane / 4 and m = lane % 4, the m-th of the four pieces in a chunk of the depth, of rows q and of columns q.
// That is not the order in which ptx::mma takes the depth, but the same other order for both operands, which leaves the
// sum as it is. The next chunk is on its way while this one is multiplied.
//
// T: 16-bit numbers; or float, which the multiplication cuts to TF32: give it what operand_number() has rounded.
#pragma once

#include <cstring>

#include "ptx.cuh"
#include "step_product.cuh"

namespace fastlm::cuda {

// A number as an operand of the product.
template <class T, bool kTensor>
__device__ __forceinline__ T operand_number(Computed<T> number) {
  if constexpr (kTensor && sizeof(T) == 4) {
    const uint32_t bits = ptx::to_tf32(number);
    T rounded;
    memcpy(&rounded, &bits, sizeof bits);
    return rounded;
  } else {
    return T(number);
  }
}

template <class T, int kGates, int kRows>
class StepProduct<T, kGates, kRows, true> : public SumsOf<T, kGates, kRows, true> {
  using Sums = SumsOf<T, kGates, kRows, true>;

 public:
  using Sums::kUnits;

  __device__ __forceinline__ explicit StepProduct(SharedArrays shared = {}) : Sums(shared) {}

  // weights: of depth k, gate g and the block's unit u at [u * stride + g * gate_stride + k]. All rows, of either side,
  // begin on a multiple of 16 bytes and have zeros up to one behind the depth.
  template <class Source>
  __device__ __forceinline__ void run(Source&& source, int64_t depth, const T* __restrict__ weights, int64_t stride,
                                      int64_t gate_stride, int64_t units) {
    const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp, q = lane / 4;
    const T *rows[kRowTiles][2], *columns[kColumnTiles];
    FASTLM_UNROLL
    for (int i = 0; i < kRowTiles; i++) {
      rows[i][0] = source(16 * i + q);
      rows[i][1] = source(16 * i + 8 + q);
    }
    FASTLM_UNROLL
    for (int j = 0; j < kColumnTiles; j++) {
      const int gate = 8 * j / kUnits, unit = 8 * j % kUnits + q;
      columns[j] = unit < units ? weights + unit * stride + gate * gate_stride : nullptr;
    }
    float sums[kRowTiles][kColumnTiles][4] = {};
    const int piece = lane % 4 * kPiece;
    Chunk now, next;
    int64_t first = warp * kChunk;
    load(next, rows, columns, first + piece, depth);
    for (; first < depth; first += kStepWarps * kChunk) {
      now = next;
      load(next, rows, columns, first + kStepWarps * kChunk + piece, depth);
      multiply(sums, now);
    }
    store(sums, warp, lane);
    __syncthreads();
  }

 private:
  static constexpr int kPiece = piece_of(sizeof(T)), kChunk = 4 * kPiece;
  static constexpr int kRowTiles = kRows / 16, kColumnTiles = kGates * kUnits / 8;

  struct Piece {  // as ptx::mma takes it: of 16-bit numbers two a register
    uint32_t v[4];
  };
  struct Chunk {  // of the depth, a lane's part
    Piece rows[kRowTiles][2], columns[kColumnTiles];
  };

  // Depths from k on, of a row or column; zeros where it is not there or has ended.
  __device__ __forceinline__ static Piece load_piece(const T* from, int64_t k, int64_t depth) {
    Piece piece{};
    if (from && k < depth) {
      const auto numbers = load_wide<kPiece>(from + k);
      memcpy(&piece, &numbers, sizeof piece);
    }
    return piece;
  }

  __device__ __forceinline__ static void load(Chunk& chunk, const T* const (&rows)[kRowTiles][2],
                                              const T* const (&columns)[kColumnTiles], int64_t k, int64_t depth) {
    FASTLM_UNROLL
    for (int j = 0; j < kColumnTiles; j++) chunk.columns[j] = load_piece(columns[j], k, depth);
    FASTLM_UNROLL
    for (int i = 0; i < kRowTiles; i++) {
      chunk.rows[i][0] = load_piece(rows[i][0], k, depth);
      chunk.rows[i][1] = load_piece(rows[i][1], k, depth);
    }
  }

  // Two steps of the depth: the first takes each piece's first two registers, the second its last two.
  __device__ __forceinline__ static void multiply(float (&sums)[kRowTiles][kColumnTiles][4], const Chunk& chunk) {
    FASTLM_UNROLL
    for (int half = 0; half < 4; half += 2) {
      FASTLM_UNROLL
      for (int i = 0; i < kRowTiles; i++) {
        const Piece &upper = chunk.rows[i][0], &lower = chunk.rows[i][1];
        const uint32_t a[4] = {upper.v[half], lower.v[half], upper.v[half + 1], lower.v[half + 1]};
        FASTLM_UNROLL
        for (int j = 0; j < kColumnTiles; j++) {
          const uint32_t b[2] = {chunk.columns[j].v[half], chunk.columns[j].v[half + 1]};
          ptx::mma(sums[i][j], a, b, T());
        }
      }
    }
  }

  __device__ __forceinline__ void store(const float (&sums)[kRowTiles][kColumnTiles][4], int warp, int lane) const {
    const int q = lane / 4, m = lane % 4;
    FASTLM_UNROLL
    for (int i = 0; i < kRowTiles; i++) {
      FASTLM_UNROLL
      for (int j = 0; j < kColumnTiles; j++) {
        const int gate = 8 * j / kUnits, unit = 8 * j % kUnits + 2 * m;
        const float (&d)[4] = sums[i][j];
        store_wide<float, 2>(this->part(warp, gate, 16 * i + q, unit), {{d[0], d[1]}});
        store_wide<float, 2>(this->part(warp, gate, 16 * i + 8 + q, unit), {{d[2], d[3]}});
      }
    }
  }
};

}  // namespace fastlm::cuda
