// Tensor cores: the layouts of PTX ISA, mma.m16n8k16 (16-bit numbers) and mma.m16n8k8 (TF32).
//
// Products are exact and added to d in float, k ascending. A GPU adds in another order and may round towards zero: its
// last bits are its own. Compiled without sanitizers: it reads and writes only what the lanes hold.
#include "mma.h"

#include <bit>
#include <cmath>

namespace simt {
namespace {

float number_of(Matrix type, uint32_t bits) {
  if (type == Matrix::kTf32) return std::bit_cast<float>(bits & 0xFFFFE000u);
  if (type == Matrix::kBFloat16) return std::bit_cast<float>(bits << 16);
  return float(std::bit_cast<_Float16>(uint16_t(bits)));
}

}  // namespace

void multiply_fragments(Matrix type, const Fragments (&lanes)[32]) {
  const bool wide = type == Matrix::kTf32;  // one number a register, not two
  const int depth = wide ? 8 : 16;
  float a[16][16], b[16][8], d[16][8];
  for (int lane = 0; lane < 32; lane++) {
    const int q = lane / 4, m = lane % 4;
    const Fragments& has = lanes[lane];
    for (int i = 0; i < 4; i++) {  // of a: rows q and q + 8 first, then the second half of the depth
      const int row = q + i % 2 * 8, column = wide ? m + i / 2 * 4 : 2 * m + i / 2 * 8;
      a[row][column] = number_of(type, has.a[i]);
      if (!wide) a[row][column + 1] = number_of(type, has.a[i] >> 16);
      d[q + i / 2 * 8][2 * m + i % 2] = has.d[i];
    }
    for (int i = 0; i < 2; i++) {
      const int row = wide ? m + i * 4 : 2 * m + i * 8;
      b[row][q] = number_of(type, has.b[i]);
      if (!wide) b[row + 1][q] = number_of(type, has.b[i] >> 16);
    }
  }
  for (int row = 0; row < 16; row++)
    for (int k = 0; k < depth; k++)
      for (int column = 0; column < 8; column++) d[row][column] = std::fma(a[row][k], b[k][column], d[row][column]);
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < 4; i++) lanes[lane].d[i] = d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
}

}  // namespace simt
