// Forward recurrence on the CPU: the input product of a few steps at a time, then step by step the product with U and,
// fused behind it, the cell.
//
// x_gates never exist as a whole: a chunk of them stays in the cache until its steps have used it.
#pragma once

#include <optional>
#include <vector>

#include "layer_norm.h"
#include "rnn.h"
#include "schedule.h"
#include "simd_math.h"
#include "zoneout.h"

namespace fastlm::cpu {

template <class Cell, class T>
class ForwardPass {
  static constexpr int G = Cell::kGates, S = Cell::kStates, kWidth = kPanelWidth<T>, kLane = kLanes<T>;

 public:
  ForwardPass(const LayerForward<T>& args, Team& team)
      : args_(args),
        layout_(kept_layout<Cell>(args.hidden, args.options)),
        plain_(is_plain(args.options) && !args.states[S - 1]),
        stride_(count_panels<T>(std::max(args.hidden, outputs())) * kWidth +
                kLane),  // no power of two: other cache sets
        x_gates_(G, args.w_ih, args.hidden, args.inputs, pays_to_pack(args.walk), team),
        h_gates_(G, args.w_hh, args.hidden, outputs(), pays_to_pack(args.walk), team),
        h_(2 * batch() * stride_),
        states_(S * batch() * stride_),
        unprojected_(projected() ? batch() * stride_ : 0) {
    if (projected()) projection_.emplace(1, args.options.w_hr, outputs(), args.hidden, pays_to_pack(args.walk), team);
    if (normed()) norms_.emplace(args.hidden, args.options.gains);
    (normed() ? norms_->x.shift : x_gates_.bias).add(args.b_ih);
    (normed() ? norms_->h.shift : h_gates_.bias).add(args.b_hh);
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
    Gates h_gates(share, normed() ? rows : 0);
    for (int64_t i = 0; i < steps; i++) {
      if (i % most == 0) fill(chunk, share, i, std::min(steps, i + most));
      if (normed())
        normed_step(chunk, h_gates, share, i);
      else
        step(chunk, share, i);
      sync();
      if (projected()) {
        project(share, i);
        sync();
      }
    }
    finish(share);
  }

 private:
  static constexpr int64_t kChunkRows = 48;  // so many that W is read rarely, so few that their gates stay in the cache

  // Pre-activations of some rows: [panel of the share][gate][row][kWidth]
  class Gates {
   public:
    Gates(const Share& share, int64_t rows)
        : first_(share.first), rows_(rows), data_((share.last - share.first) * G * rows * kWidth) {}
    T* at(int64_t panel, int g, int64_t row) {
      return data_.data() + (((panel - first_) * G + g) * rows_ + row) * kWidth;
    }
    T* unit(int g, int64_t u, int64_t row) { return at(u / kWidth, g, row) + u % kWidth; }

   private:
    int64_t first_, rows_;
    Buffer<T> data_;
  };

  // x_gates of some steps in a row, their rows in the order of the sequence.
  struct Chunk : Gates {
    std::vector<int64_t> row_of_step;  // by t - first
    int64_t first = 0;

    Chunk(const Share& share, int64_t steps)
        : Gates(share, steps * (share.end - share.begin)), row_of_step(steps + 1) {}
  };

  // Nothing but the cell; with options; with those and a layer norm.
  enum class Mode { kPlain, kOptions, kNormed };

  // A panel of units in one row: visit of the walk, step, sequence, row of the layout, panel.
  struct Place {
    int64_t i, t, b, row, panel;
    Place plus(int rows) const { return {i, t, b + rows, row + rows, panel}; }
  };
  using Shares = KeptShares<T>;

  bool projected() const { return args_.options.w_hr != nullptr; }
  bool normed() const { return args_.options.gains != nullptr; }
  int64_t outputs() const { return args_.options.outputs; }
  int64_t batch() const { return args_.walk.sequence.batch; }
  int64_t width(int s) const { return width_of(args_, s); }
  Share share_of_outputs(const Share& share) const { return rescaled<T>(share, args_.hidden, outputs()); }
  T* h(int64_t parity, int64_t b) { return h_.data() + (parity * batch() + b) * stride_; }
  T* state(int s, int64_t b) { return states_.data() + (s * batch() + b) * stride_; }
  T* kept(int64_t row, int64_t part) const { return args_.kept ? args_.kept + row * layout_.width + part : nullptr; }

  T masked(T value, int64_t b, int64_t u) const {
    return args_.options.h_mask ? value * args_.options.h_mask[b * outputs() + u] : value;
  }

  void start(const Share& share) {
    for (int s = 0; s < S; s++) {
      const Share part = s == 0 ? share_of_outputs(share) : share;
      for (int64_t b = share.begin; b < share.end; b++)
        for (int64_t u = part.first * kWidth; u < part.last * kWidth; u++) {
          const T value = args_.hx[s] && u < width(s) ? args_.hx[s][b * width(s) + u] : T(0);
          state(s, b)[u] = value;
          if (s == 0) h(0, b)[u] = h(1, b)[u] = u < width(s) ? masked(value, b, u) : T(0);
        }
    }
  }

  void finish(const Share& share) {
    for (int s = 0; s < S; s++) {
      const Share part = s == 0 ? share_of_outputs(share) : share;
      const int64_t from = part.first * kWidth, to = std::min(part.last * kWidth, width(s));
      for (int64_t b = share.begin; b < share.end; b++)
        if (from < to) std::copy(state(s, b) + from, state(s, b) + to, args_.hn[s] + b * width(s) + from);
    }
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
            x_gates_.fill(chunk.at(p, g, at + r), g, p, n, args_.input + (input_row + r) * args_.inputs, args_.inputs);
          });
      if (normed())
        for (int64_t r = 0; r < count; r++) normalize(norms_->x, chunk, at + r, input_row + r, 0, layout_.x_normal);
    };
    if (share.end - share.begin == sequence.batch) {  // all rows of the steps: neighbours in the input
      product(sequence.row(chunk.first, 0), chunk.row_of_step[last - chunk.first], 0);
    } else {
      for (int64_t t = chunk.first; t < last; t++)
        product(sequence.row(t, share.begin), rows(share, t), chunk.row_of_step[t - chunk.first]);
    }
  }

  // Layer norm of a row of gates in its place.
  void normalize(const LayerNorm<T, G>& norm, Gates& gates, int64_t at, int64_t row, int which, int64_t normal) {
    const auto unit = [&](int g, int64_t u) { return gates.unit(g, u, at); };
    const T scale = norm.forward(unit, unit, kept(row, normal));
    if (args_.kept) kept(row, layout_.scales)[which] = scale;
  }

  // Sequences of the share that have a step t.
  int64_t rows(const Share& share, int64_t t) const {
    return std::max<int64_t>(0, std::min(share.end, args_.walk.sequence.rows(t)) - share.begin);
  }

  FASTLM_FLATTEN void step(Chunk& chunk, const Share& share, int64_t i) {
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
        const T* x_gates[G];
        for (int g = 0; g < G; g++) x_gates[g] = chunk.at(p, g, chunk.row_of_step[t - chunk.first] + b - share.begin);
        const auto x = [&](int g, int r) { return x_gates[g] + r * kWidth; };
        const auto h = [&](int g, int r) { return h_gates.v[g][r]; };
        if (plain_)
          update<Mode::kPlain>(at(i, t, b, p), count, x, h);
        else
          update<Mode::kOptions>(at(i, t, b, p), count, x, h);
      });
  }

  // The same where all gates of a row must be known before its first cell.
  void normed_step(Chunk& chunk, Gates& h_gates, const Share& share, int64_t i) {
    const int64_t t = args_.walk.step(i), count = rows(share, t);
    for (int64_t p = share.first; p < share.last; p++)
      for_row_blocks(0, count, [&](int64_t r, int n) {
        for (int g = 0; g < G; g++) h_gates_.fill(h_gates.at(p, g, r), g, p, n, h(i % 2, share.begin + r), stride_);
      });
    Buffer<T> fresh(stride_), saved(G * stride_);
    for (int64_t r = 0; r < count; r++) {
      const Place place = at(i, t, share.begin + r, share.first);
      normalize(norms_->h, h_gates, r, place.row, 1, layout_.h_normal);
      const Row row{fresh.data(), args_.saved ? saved_row(place.row) : saved.data()};
      const int64_t x_row = chunk.row_of_step[t - chunk.first] + r;
      for (int64_t p = share.first; p < share.last; p++)
        update<Mode::kNormed>(
            at(i, t, place.b, p), 1, [&](int g, int) { return chunk.at(p, g, x_row); },
            [&](int g, int) { return h_gates.at(p, g, r); }, row);
      if constexpr (kOutputApart<Cell>) output_apart(place, share, row);
    }
  }

  // What of a row waits for its other units: the state before zoneout, and what the cell saves.
  struct Row {
    T *fresh, *saved;
  };

  // The cell, for the units of a panel in `count` rows. x_gates(g, r) and h_gates(g, r): their pre-activations.
  template <Mode kMode, class XGates, class HGates>
  void update(const Place& first, int count, const XGates& x_gates, const HGates& h_gates, const Row& row = {}) {
    Shares shares[S];
    for (int s = 0; kMode != Mode::kPlain && s < S; s++)
      if (s > 0 || !(projected() || (kMode == Mode::kNormed && kOutputApart<Cell>)))
        shares[s].fill(args_.options.zoneout, s, first.row, count, args_.hidden, first.panel);
    const bool whole = (first.panel + 1) * kWidth <= args_.hidden;
    for (int r = 0; r < count; r++) {
      if (whole)
        update<kMode, true>(first.plus(r), r, x_gates, h_gates, shares, row);
      else
        update<kMode, false>(first.plus(r), r, x_gates, h_gates, shares, row);
    }
  }

  template <Mode kMode, bool Whole, class XGates, class HGates>
  void update(const Place& place, int r, const XGates& x_gates, const HGates& h_gates, const Shares (&shares)[S],
              const Row& row) {
    constexpr bool kApart = kMode == Mode::kNormed && kOutputApart<Cell>, kPlain = kMode == Mode::kPlain;
    const int64_t hidden = args_.hidden, b = place.b;
    T* const saved = kApart ? row.saved : args_.saved ? saved_row(place.row) : nullptr;
    for (int v = 0; v < kWidth; v += kLane) {
      const int64_t unit = place.panel * kWidth + v;
      const int live = Whole ? kLane : int(std::clamp<int64_t>(hidden - unit, 0, kLane));
      Pack<Vec<T>, G> x, h;
      Pack<Vec<T>, S> before;
      for (int g = 0; g < G; g++) x[g] = load(x_gates(g, r) + v), h[g] = load(h_gates(g, r) + v);
      for (int s = 0; s < S; s++) before[s] = load(state(s, b) + unit);
      const auto f = [&] {
        if constexpr (kApart)
          return Cell::update(x, h, before);
        else
          return Cell::forward(x, h, before);
      }();
      if (saved)
        for (int k = 0; k < Cell::kSaved; k++) store_first(saved + k * hidden + unit, f.saved[k], live);
      for (int s = 1; s < S; s++) {
        if (kApart) store(row.fresh + unit, f.after[s]);
        const Vec<T> value = !kPlain && shares[s] ? mix(shares[s].at(r, v), before[s], f.after[s]) : f.after[s];
        store(state(s, b) + unit, value);
        if (args_.saved) store_first(state_after<Cell>(args_, s, place.row) + unit, value, live);
        if (!kPlain && args_.states[s])
          store_first(args_.states[s] + place.row * args_.options.states_stride + unit, value, live);
      }
      if constexpr (kPlain) {
        store(state(0, b) + unit, f.after[0]);
        store(this->h(1 - place.i % 2, b) + unit, f.after[0]);
        store_first(state_after<Cell>(args_, 0, place.row) + unit, f.after[0], live);
      } else if (!kApart) {
        deliver(place, v, live, f.after[0], shares[0], r);
      }
    }
  }

  // The output of a row from its state, behind a layer norm.
  void output_apart(const Place& place, const Share& share, const Row& row) {
    const auto unit_of = [&](int, int64_t u) { return row.fresh + u; };
    const T scale = norms_->state.forward(unit_of, unit_of, kept(place.row, layout_.state_normal));
    if (args_.kept) kept(place.row, layout_.scales)[2] = scale;
    for (int64_t p = share.first; p < share.last; p++) {
      Shares shares;
      if (!projected()) shares.fill(args_.options.zoneout, 0, place.row, 1, args_.hidden, p);
      for (int v = 0; v < kWidth; v += kLane) {
        const int64_t unit = p * kWidth + v;
        const int live = int(std::clamp<int64_t>(args_.hidden - unit, 0, kLane));
        Pack<Vec<T>, Cell::kSaved> saved;
        for (int k = 0; k < Cell::kSaved; k++) saved[k] = load_first(row.saved + k * args_.hidden + unit, live);
        const Vec<T> tanh = Math<Vec<T>>::tanh(load_first(row.fresh + unit, live));
        deliver({place.i, place.t, place.b, place.row, p}, v, live, Cell::output(saved, tanh), shares, 0);
      }
    }
  }

  // A vector of the cell's output goes to the projection, or is h.
  void deliver(const Place& place, int v, int live, Vec<T> value, const Shares& shares, int r) {
    if (!projected()) return emit(place, v, live, value, shares, r);
    const int64_t unit = place.panel * kWidth + v;
    store(unprojected_.data() + place.b * stride_ + unit, value);
    if (args_.kept) store_first(kept(place.row, layout_.unprojected) + unit, value, live);
  }

  // A vector of h.
  void emit(const Place& place, int v, int live, Vec<T> value, const Shares& shares, int r) {
    const int64_t unit = place.panel * kWidth + v;
    T* const state_h = state(0, place.b) + unit;
    if (shares) {
      if (args_.kept && args_.options.zoneout.mixes(0))
        store_first(kept(place.row, layout_.output) + unit, value, live);
      value = mix(shares.at(r, v), load(state_h), value);
    }
    store(state_h, value);
    store_first(state_after<Cell>(args_, 0, place.row) + unit, value, live);
    if (args_.options.h_mask) value *= load_first(args_.options.h_mask + place.b * outputs() + unit, live);
    store(h(1 - place.i % 2, place.b) + unit, value);
  }

  // h = w_hr (the cell's output)
  void project(const Share& share, int64_t i) {
    const int64_t t = args_.walk.step(i), end = share.begin + rows(share, t);
    const Share part = share_of_outputs(share);
    for (int64_t p = part.first; p < part.last; p++)
      for_row_blocks(share.begin, end, [&](int64_t b, int count) {
        Tile<T, 1> tile;
        projection_->fill(tile.v[0][0], 0, p, count, unprojected_.data() + b * stride_, stride_);
        Shares shares;
        shares.fill(args_.options.zoneout, 0, args_.walk.sequence.row(t, b), count, outputs(), p);
        for (int r = 0; r < count; r++)
          for (int v = 0; v < kWidth; v += kLane)
            emit(at(i, t, b + r, p), v, int(std::clamp<int64_t>(outputs() - p * kWidth - v, 0, kLane)),
                 load(tile.v[0][r] + v), shares, r);
      });
  }

  static Vec<T> mix(Vec<T> share, Vec<T> before, Vec<T> after) { return share * before + (T(1) - share) * after; }

  Place at(int64_t i, int64_t t, int64_t b, int64_t panel) const {
    return {i, t, b, args_.walk.sequence.row(t, b), panel};
  }
  T* saved_row(int64_t row) const { return args_.saved + row * kSlots<Cell> * args_.hidden; }

  const LayerForward<T>& args_;
  KeptLayout layout_;
  bool plain_;
  int64_t stride_;
  GateProduct<T> x_gates_;
  HiddenGates<Cell, T> h_gates_;
  std::optional<GateProduct<T>> projection_;
  std::optional<LayerNorms<Cell, T>> norms_;
  Buffer<T> h_;            // [2][batch][stride]: what U is multiplied with, of the step before and of this one
  Buffer<T> states_;       // [S][batch][stride]
  Buffer<T> unprojected_;  // [batch][stride]
};

template <class Cell, class T>
void forward_pass(const std::vector<LayerForward<T>>& directions, Team& team) {
  std::vector<ForwardPass<Cell, T>> passes;
  passes.reserve(directions.size());
  for (const auto& direction : directions) passes.emplace_back(direction, team);
  const LayerForward<T>& any = directions[0];
  run_shares<T>(team, directions.size(), any.walk.sequence.batch, any.hidden, work_of<Cell>(any), !any.options.gains,
                [&](int64_t d, const Share& share, const auto& sync) { passes[d].run(share, sync); });
}

}  // namespace fastlm::cpu
