// The operand of the gradient of U: of each row h before its step, gathered and masked in one pass.
#include <algorithm>

#include "rnn.h"
#include "rnn_unit.cuh"

namespace fastlm::cuda {
namespace {

constexpr int kOperandThreads = 256;
constexpr int64_t kBlocks = 4096;  // more go round again

// A block goes through rows of all steps; of step t it takes every gridDim.x-th sequence.
template <class T>
__global__ void __launch_bounds__(kOperandThreads, 4) operand_kernel(Backward<T> args, T* to) {
  const Walk& walk = args.walk;
  const int64_t P = args.options.outputs;
  for (int64_t t = blockIdx.y; t < walk.sequence.steps; t += gridDim.y) {
    const int64_t rows = walk.sequence.rows(t), continued = walk.continued(t);
    for (int64_t b = blockIdx.x; b < rows; b += gridDim.x) {
      const T* from = b < continued ? args.output + walk.sequence.row(walk.before(t), b) * args.output_stride
                      : args.hx[0]  ? args.hx[0] + b * P
                                    : nullptr;
      T* const row = to + walk.sequence.row(t, b) * P;
      for (int64_t unit = threadIdx.x; unit < P; unit += kOperandThreads)
        row[unit] = T(from ? masked(args, b, unit, computed(from[unit])) : Computed<T>(0));
    }
  }
}

}  // namespace

template <class T>
void recurrent_operand(const Backward<T>& args, T* to, Stream stream) {
  const Sequence& sequence = args.walk.sequence;
  if (sequence.batch == 0) return;
  const int64_t steps = std::min<int64_t>(sequence.steps, kBlocks);
  const int64_t sequences = std::min(sequence.batch, std::max<int64_t>(1, kBlocks / steps));
  launch("recurrent_operand", operand_kernel<T>, {dim3(unsigned(sequences), unsigned(steps)), dim3(kOperandThreads)},
         stream, args, to);
}

template void recurrent_operand(const Backward<float>&, float*, Stream);
template void recurrent_operand(const Backward<double>&, double*, Stream);
template void recurrent_operand(const Backward<__half>&, __half*, Stream);
template void recurrent_operand(const Backward<__nv_bfloat16>&, __nv_bfloat16*, Stream);

}  // namespace fastlm::cuda
