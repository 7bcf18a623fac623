// Forward recurrence on the CPU: the input product of a few steps at a time, then step by step the product with U and,
// fused behind it, the cell.
//
// x_gates never exist as a whole: a chunk of them stays in the cache until its steps have used it.
#pragma once

#include <vector>

#include "gates.h"
#include "rnn.h"
#include "schedule.h"
#include "simd_math.h"

namespace fastlm::cpu {

template <class Cell, class T>
class ForwardPass {
  static constexpr int G = Cell::kGates, S = Cell::kStates, kWidth = kPanelWidth<T>, kLane = kLanes<T>;

 public:
  ForwardPass(const LayerForward<T>& args, Team& team)
      : args_(args),
        stride_(count_panels<T>(args.hidden) * kWidth + kLane),  // rows apart by no power of two: other cache sets
        x_gates_(G, args.w_ih, args.hidden, args.inputs, pays_to_pack(args.walk), team),
        h_gates_(G, args.w_hh, args.hidden, args.hidden, pays_to_pack(args.walk), team),
        h_(2 * batch() * stride_),
        states_(S * batch() * stride_) {
    x_gates_.bias.add(args.b_ih);
    h_gates_.bias.add(args.b_hh);
  }

  // All steps of a share; its sync() after each of them.
  template <class Sync>
  void run(const Share& share, const Sync& sync) {
    start(share);
    sync();
    const Walk& walk = args_.walk;
    const int64_t steps = walk.sequence.steps, rows = std::max<int64_t>(1, share.end - share.begin);
    const int64_t chunks = std::max<int64_t>(1, steps * rows / kChunkRows), most = (steps + chunks - 1) / chunks;
    Chunk chunk(share, most);
    for (int64_t i = 0; i < steps; i++) {
      if (i % most == 0) fill(chunk, share, i, std::min(steps, i + most));
      step(chunk, share, i);
      sync();
    }
    finish(share);
  }

 private:
  static constexpr int64_t kChunkRows = 48;  // so many that W is read rarely, so few that their gates stay in the cache

  // x_gates of some steps in a row: [panel of the share][gate][row][kWidth], rows in the order of the sequence.
  struct Chunk {
    Buffer<T> gates;
    std::vector<int64_t> row_of_step;  // by t - first
    int64_t first = 0, rows;

    Chunk(const Share& share, int64_t steps)
        : gates((share.last - share.first) * G * steps * (share.end - share.begin) * kWidth),
          row_of_step(steps + 1),
          rows(steps * (share.end - share.begin)) {}
    T* at(int64_t panel_of_share, int g, int64_t row) {
      return gates.data() + ((panel_of_share * G + g) * rows + row) * kWidth;
    }
  };

  int64_t batch() const { return args_.walk.sequence.batch; }
  T* h(int64_t parity, int64_t b) { return h_.data() + (parity * batch() + b) * stride_; }
  T* state(int s, int64_t b) { return states_.data() + (s * batch() + b) * stride_; }

  void start(const Share& share) {
    const int64_t from = share.first * kWidth, to = std::min(share.last * kWidth, stride_ - kLane);
    for (int64_t b = share.begin; b < share.end; b++)
      for (int s = 0; s < S; s++)
        for (int64_t u = from; u < to; u++) {
          const T value = args_.hx[s] && u < args_.hidden ? args_.hx[s][b * args_.hidden + u] : T(0);
          state(s, b)[u] = value;
          if (s == 0) h(0, b)[u] = h(1, b)[u] = value;
        }
  }

  void finish(const Share& share) {
    const int64_t from = share.first * kWidth, to = std::min(share.last * kWidth, args_.hidden);
    for (int64_t b = share.begin; b < share.end; b++)
      for (int s = 0; s < S; s++)
        std::copy(state(s, b) + from, state(s, b) + to, args_.hn[s] + b * args_.hidden + from);
  }

  // The input product of steps i0 ... i1 of the walk.
  void fill(Chunk& chunk, const Share& share, int64_t i0, int64_t i1) {
    const Walk& walk = args_.walk;
    const Sequence& sequence = walk.sequence;
    chunk.first = std::min(walk.step(i0), walk.step(i1 - 1));
    const int64_t last = chunk.first + (i1 - i0);
    for (int64_t t = chunk.first; t < last; t++)
      chunk.row_of_step[t - chunk.first + 1] = chunk.row_of_step[t - chunk.first] + rows(share, t);
    const auto product = [&](int64_t input_row, int64_t count, int64_t at) {
      for (int64_t p = share.first; p < share.last; p++)
        for (int g = 0; g < G; g++)
          for_row_blocks(0, count, [&](int64_t r, int n) {
            x_gates_.fill(chunk.at(p - share.first, g, at + r), g, p, n, args_.input + (input_row + r) * args_.inputs,
                          args_.inputs);
          });
    };
    if (share.end - share.begin == sequence.batch) {  // all rows of the steps: neighbours in the input
      product(sequence.row(chunk.first, 0), chunk.row_of_step[last - chunk.first], 0);
    } else {
      for (int64_t t = chunk.first; t < last; t++)
        product(sequence.row(t, share.begin), rows(share, t), chunk.row_of_step[t - chunk.first]);
    }
  }

  // Sequences of the share that have a step t.
  int64_t rows(const Share& share, int64_t t) const {
    return std::max<int64_t>(0, std::min(share.end, args_.walk.sequence.rows(t)) - share.begin);
  }

  void step(Chunk& chunk, const Share& share, int64_t i) {
    const int64_t t = args_.walk.step(i), end = share.begin + rows(share, t);
    const bool zeros = i == 0 && !args_.hx[0];
    for (int64_t p = share.first; p < share.last; p++)
      for_row_blocks(share.begin, end, [&](int64_t b, int count) {
        Tile<T, G> h_gates;
        for (int g = 0; g < G; g++) {
          if (zeros)
            for (int r = 0; r < count; r++) std::copy_n(h_gates_.bias.at(g, p), kWidth, h_gates.v[g][r]);
          else
            h_gates_.fill(h_gates.v[g][0], g, p, count, h(i % 2, b), stride_);
        }
        const int64_t at = chunk.row_of_step[t - chunk.first] + b - share.begin;
        const T* x_gates[G];
        for (int g = 0; g < G; g++) x_gates[g] = chunk.at(p - share.first, g, at);
        const bool whole = (p + 1) * kWidth <= args_.hidden;
        for (int r = 0; r < count; r++) {
          if (whole)
            cell<true>(i, t, b + r, p, x_gates, h_gates, r);
          else
            cell<false>(i, t, b + r, p, x_gates, h_gates, r);
        }
      });
  }

  // The cell itself, for the units of one panel in one row.
  template <bool Whole>
  void cell(int64_t i, int64_t t, int64_t b, int64_t panel, const T* const (&x_gates)[G], const Tile<T, G>& h_gates,
            int r) {
    const int64_t hidden = args_.hidden, row = args_.walk.sequence.row(t, b);
    T* const output = args_.output + row * args_.output_stride;
    T* const saved = args_.saved ? args_.saved + row * kSlots<Cell> * hidden : nullptr;
    T* const next_h = h(1 - i % 2, b);
    for (int v = 0; v < kWidth; v += kLane) {
      const int64_t unit = panel * kWidth + v;
      const int live = Whole ? kLane : int(std::clamp<int64_t>(hidden - unit, 0, kLane));
      Pack<Vec<T>, G> x, h;
      Pack<Vec<T>, S> before;
      for (int g = 0; g < G; g++) x[g] = load(x_gates[g] + r * kWidth + v), h[g] = load(h_gates.v[g][r] + v);
      for (int s = 0; s < S; s++) before[s] = load(state(s, b) + unit);
      const auto f = Cell::forward(x, h, before);
      store_first(output + unit, f.after[0], live);
      store(next_h + unit, f.after[0]);
      for (int s = 0; s < S; s++) store(state(s, b) + unit, f.after[s]);
      if (saved) {
        for (int k = 0; k < Cell::kSaved; k++) store_first(saved + k * hidden + unit, f.saved[k], live);
        for (int s = 1; s < S; s++) store_first(saved + (Cell::kSaved + s - 1) * hidden + unit, f.after[s], live);
      }
    }
  }

  const LayerForward<T>& args_;
  int64_t stride_;
  GateProduct<T> x_gates_;
  HiddenGates<Cell, T> h_gates_;
  Buffer<T> h_;       // [2][batch][stride]: what U is multiplied with, of the step before and of this one
  Buffer<T> states_;  // [S][batch][stride]
};

template <class Cell, class T>
void forward_pass(const std::vector<LayerForward<T>>& directions, Team& team) {
  std::vector<ForwardPass<Cell, T>> passes;
  passes.reserve(directions.size());
  for (const auto& direction : directions) passes.emplace_back(direction, team);
  const LayerForward<T>& any = directions[0];
  run_shares<T>(team, directions.size(), any.walk.sequence.batch, any.hidden, work_of<Cell>(any),
                [&](int64_t d, const Share& share, const auto& sync) { passes[d].run(share, sync); });
}

}  // namespace fastlm::cpu
