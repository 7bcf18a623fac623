// The launchers of cross entropy, for every number type.
#include <algorithm>

#include "cross_entropy.cuh"
#include "cross_entropy.h"

namespace fastlm::cuda {
namespace {

constexpr int64_t kBlocks = 4096;  // of element-wise kernels; more go round again

// A block for `pieces` of work that its threads take in turn.
template <class Sums>
LaunchShape row_shape(int64_t rows, int64_t pieces) {
  const int64_t threads = std::clamp<int64_t>(round_up(pieces, kWarp), kWarp, kLossThreads);
  SharedArrays shared;
  shared.reserve<Sums>(threads / kWarp);
  return {dim3(unsigned(rows)), dim3(unsigned(threads)), shared.bytes()};
}

LaunchShape element_shape(int64_t count) {
  return {dim3(unsigned(std::min(kBlocks, divide_up(count, 4 * kElementThreads)))), dim3(kElementThreads)};
}

}  // namespace

template <class T>
void cross_entropy(const CrossEntropy<T>& args, Stream stream) {
  if (args.rows == 0) return;
  const int64_t pieces = divide_up(args.classes, LogitRow<T>::kWide);
  launch("cross_entropy", cross_entropy_kernel<T>, row_shape<SoftmaxSums<Computed<T>>>(args.rows, pieces), stream,
         args);
}

template <class T>
void reduce_losses(const ReducedLoss<T>& args, Stream stream) {
  launch("reduce_losses", reduce_losses_kernel<T>, row_shape<LossSums>(1, args.rows), stream, args);
}

template <class T>
void add_to_sums(const T* part, Computed<T>* sums, int64_t count, Stream stream) {
  if (count > 0) launch("add_to_sums", add_to_sums_kernel<T>, element_shape(count), stream, part, sums, count);
}

template <class From, class To>
void multiply_by(const Computed<To>* factor, const From* from, To* to, int64_t count, Stream stream) {
  if (count > 0)
    launch("multiply_by", multiply_by_kernel<From, To>, element_shape(count), stream, factor, from, to, count);
}

template void cross_entropy(const CrossEntropy<float>&, Stream);
template void cross_entropy(const CrossEntropy<double>&, Stream);
template void cross_entropy(const CrossEntropy<__half>&, Stream);
template void cross_entropy(const CrossEntropy<__nv_bfloat16>&, Stream);
template void reduce_losses(const ReducedLoss<float>&, Stream);
template void reduce_losses(const ReducedLoss<double>&, Stream);
template void reduce_losses(const ReducedLoss<__half>&, Stream);
template void reduce_losses(const ReducedLoss<__nv_bfloat16>&, Stream);
template void add_to_sums(const float*, float*, int64_t, Stream);
template void add_to_sums(const double*, double*, int64_t, Stream);
template void add_to_sums(const __half*, float*, int64_t, Stream);
template void add_to_sums(const __nv_bfloat16*, float*, int64_t, Stream);
template void multiply_by(const float*, const float*, float*, int64_t, Stream);
template void multiply_by(const double*, const double*, double*, int64_t, Stream);
template void multiply_by(const float*, const __half*, __half*, int64_t, Stream);
template void multiply_by(const float*, const __nv_bfloat16*, __nv_bfloat16*, int64_t, Stream);
template void multiply_by(const float*, const float*, __half*, int64_t, Stream);
template void multiply_by(const float*, const float*, __nv_bfloat16*, int64_t, Stream);
template void multiply_by(const float*, const __half*, float*, int64_t, Stream);
template void multiply_by(const float*, const __nv_bfloat16*, float*, int64_t, Stream);

}  // namespace fastlm::cuda
