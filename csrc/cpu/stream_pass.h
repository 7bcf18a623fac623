// Layer by layer, and in a layer step by step; hidden units are split over the threads where that pays.
#pragma once

#include <algorithm>

#include "buffer.h"
#include "crew.h"
#include "direct.h"
#include "simd_math.h"
#include "stream.h"

namespace fastlm::cpu {

template <class Cell, class Weight>
class StreamPass {
  static constexpr int G = Cell::kGates, S = Cell::kStates, kLane = kLanes<float>;
  static constexpr bool kMatrix = Cell::kRecurrence == Recurrence::kMatrix;

 public:
  explicit StreamPass(const Stream<Weight>& args)
      : args_(args),
        H_(args.hidden),
        B_(args.batch),
        between_(std::min<int64_t>(2, int64_t(args.layers.size()) - 1) * args.steps * B_ * H_) {}

  void run(Team& team) {
    const int64_t blocks = (H_ + kLane - 1) / kLane;
    const auto share = [&](int64_t begin, int64_t end, int64_t members, const auto& sync) {
      const int64_t first = blocks * begin / members * kLane, last = blocks * end / members * kLane;
      for (size_t l = 0; l < args_.layers.size(); l++) layer(int64_t(l), first, std::min(last, H_), sync);
    };
    const int64_t members = std::min({int64_t(team.size()), blocks, step_work() / kStepWorthAThread});
    if (members <= 1) return share(0, 1, 1, [] {});
    with_crew(team, members, [&](int64_t begin, int64_t end, Barrier& barrier) {
      int64_t round = 0;
      share(begin, end, members, [&] { barrier.wait(end - begin, round++); });
    });
  }

 private:
  static constexpr int64_t kStepWorthAThread = 50000;  // multiply-adds of a layer's step, for a thread's part
  static constexpr int64_t kChunkRows = 64;            // of the input product: while a few rows of W are in the cache

  int64_t step_work() const {
    int64_t work = 0;
    for (const auto& layer : args_.layers) work += B_ * G * H_ * (layer.inputs + (kMatrix ? H_ : 1));
    return work / int64_t(args_.layers.size());
  }

  float* outputs(int64_t l) {  // [steps, batch, H]; of the layers before the last, two places in turns
    if (l + 1 == int64_t(args_.layers.size())) return args_.output;
    return between_.data() + l % 2 * args_.steps * B_ * H_;
  }

  // Units [first, last) of a layer, all steps.
  template <class Sync>
  void layer(int64_t l, int64_t first, int64_t last, const Sync& sync) {
    const StreamLayer<Weight>& weights = args_.layers[l];
    const int64_t width = (last - first + kLane - 1) / kLane * kLane, T = args_.steps;
    const int64_t most = std::clamp<int64_t>(kChunkRows / std::max<int64_t>(1, B_), 1, T);
    Buffer<float> x_gates(most * B_ * G * width), h_gates(B_ * G * width);
    const float* inputs = l == 0 ? args_.input : outputs(l - 1);
    float* h = outputs(l);
    // out: [rows, G, width]
    const auto multiply = [&](const Weight* matrix, int64_t depth, const float* x, int64_t rows, float* out) {
      for (int g = 0; g < G; g++)
        for (int64_t u = first; u < last; u += kLane)
          multiply_rows_by_vectors(matrix + (g * H_ + u) * depth, depth, live(u), depth, x, depth, rows,
                                   out + g * width + u - first, G * width);
    };
    for (int64_t t = 0; t < T; t++, h += B_ * H_) {
      if (t % most == 0)
        multiply(weights.w_ih, weights.inputs, inputs + t * B_ * weights.inputs, std::min(most, T - t) * B_,
                 x_gates.data());
      const float* before[S];
      for (int s = 0; s < S; s++) before[s] = state_before(s, l, t, h);
      if (kMatrix && before[0])
        multiply(weights.w_hh, H_, before[0], B_, h_gates.data());
      else
        std::fill_n(h_gates.data(), B_ * G * width, 0.0f);
      for (int64_t b = 0; b < B_; b++)
        for (int64_t u = first; u < last; u += kLane)
          step(weights, l, b, u, x_gates.data() + (t % most * B_ + b) * G * width + u - first,
               h_gates.data() + b * G * width + u - first, width, before, h + b * H_);
      if (t + 1 < T || h != args_.output + (T - 1) * B_ * H_) sync();
    }
    h -= B_ * H_;
    for (int64_t b = 0; b < B_; b++)
      std::copy(h + b * H_ + first, h + b * H_ + last, args_.hn[0] + (l * B_ + b) * H_ + first);
  }

  int live(int64_t u) const { return int(std::min<int64_t>(kLane, H_ - u)); }

  // State s of a layer before a step, [batch, H], or null for zeros. All but h are kept in hn.
  const float* state_before(int s, int64_t l, int64_t t, const float* h) const {
    if (t > 0) return s == 0 ? h - B_ * H_ : args_.hn[s] + l * B_ * H_;
    return args_.hx[s] ? args_.hx[s] + l * B_ * H_ : nullptr;
  }

  // One vector of units of one row. Gates lie `width` apart.
  void step(const StreamLayer<Weight>& weights, int64_t l, int64_t b, int64_t u, const float* x_gates,
            const float* h_gates, int64_t width, const float* const (&before)[S], float* h) {
    using V = Vec<float>;
    const int n = live(u);
    Pack<V, S> states;
    for (int s = 0; s < S; s++) states[s] = before[s] ? load_first(before[s] + b * H_ + u, n) : V(0);
    Pack<V, G> x_part, h_part;
    for (int g = 0; g < G; g++) {
      const auto complete = [&](V sum, const float* scale, const float* bias) {
        if (scale) sum *= load_first(scale + g * H_ + u, n);
        return bias ? sum + load_first(bias + g * H_ + u, n) : sum;
      };
      x_part[g] = complete(load(x_gates + g * width), weights.scale_ih, weights.b_ih);
      h_part[g] = kMatrix ? complete(load(h_gates + g * width), weights.scale_hh, weights.b_hh)
                          : complete(states[0], weights.diagonal, weights.b_hh);
    }
    const auto result = Cell::forward(x_part, h_part, states);
    store_first(h + u, result.after[0], n);
    for (int s = 1; s < S; s++) store_first(args_.hn[s] + (l * B_ + b) * H_ + u, result.after[s], n);
  }

  const Stream<Weight>& args_;
  const int64_t H_, B_;
  Buffer<float> between_;
};

}  // namespace fastlm::cpu
