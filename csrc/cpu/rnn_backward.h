// Backward recurrence (BPTT) on the CPU: back through the steps, leaving the gradients of the pre-activations, which
// are summed up a chunk of steps at a time (gate_gradients.h).
//
// Werbos (1990), "Backpropagation through time".
#pragma once

#include <optional>
#include <vector>

#include "gate_gradients.h"
#include "schedule.h"
#include "simd_math.h"
#include "zoneout.h"

namespace fastlm::cpu {

template <class Cell, class T>
class BackwardPass {
  static constexpr int G = Cell::kGates, S = Cell::kStates, kWidth = kPanelWidth<T>, kLane = kLanes<T>;
  using V = Vec<T>;

 public:
  GateGradients<Cell, T> gates;

  BackwardPass(const LayerBackward<T>& args, Team& team)
      : gates(args, team),
        args_(args),
        layout_(kept_layout<Cell>(args.hidden, args.options)),
        plain_(is_plain(args.options) && !args.grad_states[S - 1]),
        stride_(count_panels<T>(std::max(args.hidden, outputs())) * kWidth),
        d_h_(args.w_hh, G * args.hidden, outputs(), packs(), team),
        carry_(S * batch() * stride_),
        d_output_(normed() ? batch() * stride_ : 0) {
    if (projected()) d_unprojected_.emplace(args.options.w_hr, outputs(), args.hidden, packs(), team);
  }

  // The steps of the chunk for a share; its sync() after each of them.
  template <class Sync>
  void run(const Share& share, const Sync& sync) {
    const Walk& walk = args_.walk;
    for (int64_t i = gates.last() - 1; i >= gates.first(); i--) {
      const int64_t t = walk.step(i);
      if (projected()) {
        take_h(share_of_outputs(share), t, [&](const Place& place, int64_t unit, int live, V d) {
          store_first(gates.output(place.row) + unit, d, live);
        });
        sync();
      }
      if (normed())
        normed_step(share, t);
      else
        step(share, t);
      sync();
      if (args_.d_hx[0]) initial(share, t);
    }
  }

 private:
  bool projected() const { return args_.options.w_hr != nullptr; }
  bool normed() const { return args_.options.gains != nullptr; }
  int64_t outputs() const { return args_.options.outputs; }
  int64_t batch() const { return args_.walk.sequence.batch; }
  int64_t width(int s) const { return width_of(args_, s); }
  bool packs() const { return batch() > 1 || pays_to_pack(args_.walk); }
  bool carries_state(int s) const { return fastlm::carries_state<Cell>(args_, s); }
  Share share_of_outputs(const Share& share) const { return rescaled<T>(share, args_.hidden, outputs()); }
  T* carry(int s, int64_t b) { return carry_.data() + (s * batch() + b) * stride_; }
  const T* kept(int64_t row, int64_t part) const { return args_.kept + row * layout_.width + part; }

  // What forward saved comes from far away: it is asked for before the product, which takes as long.
  void prefetch(int64_t t, int64_t b, int64_t panel) const {
    const int64_t row = args_.walk.sequence.row(t, b), unit = panel * kWidth;
    const auto fetch = [](const T* p) { fastlm::prefetch(p), fastlm::prefetch(p + kLane); };
    for (int k = 0; k < kSlots<Cell>; k++) fetch(args_.saved + (row * kSlots<Cell> + k) * args_.hidden + unit);
    fetch(args_.grad_output + row * args_.grad_output_stride + unit);
    fetch(args_.output + row * args_.output_stride + unit);
  }

  // A panel of units in some rows of step t, at most kMaxRows: where they go on to the step after, d_h [count, kWidth]
  // is what comes back from it through U.
  struct Place {
    int64_t t, b, row, panel;
    int count;
    const T* d_h;
    Place plus(int rows) const { return {t, b + rows, row + rows, panel, 1, d_h ? d_h + rows * kWidth : nullptr}; }
  };

  // Calls f(place) for the rows of step t of a share, panel by panel.
  template <class F>
  void for_places(const Share& share, int64_t t, const F& f) {
    const Walk& walk = args_.walk;
    const int64_t end = std::min(share.end, walk.sequence.rows(t)), row = walk.sequence.row(t, 0),
                  after = walk.after(t);
    const int64_t split = std::clamp(walk.continuing(t), share.begin, std::max(share.begin, end));
    if (share.begin < split) d_h_.prepare(share.first, share.last, gates.h_at(after, share.begin));
    for (int64_t p = share.first; p < share.last; p++) {
      for_row_blocks(share.begin, split, [&](int64_t b, int count) {
        Tile<T, 1> d_h;
        for (int r = 0; r < count; r++) prefetch(t, b + r, p);
        d_h_.fill(d_h, p, count, gates.h_at(after, b), gates.gate_stride());
        f(Place{t, b, row + b, p, count, d_h.v[0][0]});
      });
      for_row_blocks(split, std::max(split, end),
                     [&](int64_t b, int count) { f(Place{t, b, row + b, p, count, nullptr}); });
    }
  }

  // The gradient of a vector of state s after the step, without what comes back through U.
  template <bool Plain>
  FASTLM_INLINE V incoming(int s, const Place& place, int64_t unit, int live) {
    const T *grad = s == 0 ? args_.grad_output : Plain ? nullptr : args_.grad_states[s], *last = args_.grad_hn[s];
    const int64_t stride = s == 0 ? args_.grad_output_stride : args_.options.states_stride;
    V d(0);
    if (place.b < args_.walk.continuing(place.t)) {
      if (Plain ? carries<Cell>(s) : carries_state(s)) d = load(carry(s, place.b) + unit);
    } else if (last) {
      d = load_first(last + place.b * width(s) + unit, live);
    }
    if (grad) d += load_first(grad + place.row * stride + unit, live);
    return d;
  }

  // The same of h.
  template <bool Plain>
  FASTLM_INLINE V incoming_h(const Place& place, int v, int live) {
    const int64_t unit = place.panel * kWidth + v;
    V d = incoming<Plain>(0, place, unit, live);
    if (place.d_h) d += Plain ? load(place.d_h + v) : through_mask(load(place.d_h + v), place.b, unit, live);
    return d;
  }

  V through_mask(V d, int64_t b, int64_t unit, int live) const {
    return args_.options.h_mask ? d * load_first(args_.options.h_mask + b * outputs() + unit, live) : d;
  }

  using Shares = KeptShares<T>;
  void fill(Shares& shares, int s, const Place& place) const {
    shares.fill(args_.options.zoneout, s, place.row, place.count, width(s), place.panel);
  }

  // Splits a gradient into what goes to the cell and, returned, what goes past it.
  static V split(const Shares& shares, int r, int v, V& d) {
    if (!shares) return V(0);
    const V past = shares.at(r, v) * d;
    d = (T(1) - shares.at(r, v)) * d;
    return past;
  }

  // Takes the gradient of h after step t: to(place, unit, live, d) gets what goes to the cell, carry(0) what goes past
  // it.
  template <class To>
  void take_h(const Share& share, int64_t t, const To& to) {
    for_places(share, t, [&](const Place& block) {
      Shares shares;
      fill(shares, 0, block);
      for (int r = 0; r < block.count; r++) {
        const Place place = block.plus(r);
        for (int v = 0; v < kWidth; v += kLane) {
          const int64_t unit = place.panel * kWidth + v;
          const int live = int(std::clamp<int64_t>(outputs() - unit, 0, kLane));
          V d = incoming_h<false>(place, v, live);
          const V past = split(shares, r, v, d);
          if (carries_state(0)) store(carry(0, place.b) + unit, past);
          to(place, unit, live, d);
        }
      }
    });
  }

  // As for_places, but d_h is what comes back through the projection.
  template <class F>
  void for_projected_places(const Share& share, int64_t t, const F& f) {
    const int64_t end = std::min(share.end, args_.walk.sequence.rows(t)), row = args_.walk.sequence.row(t, 0);
    if (share.begin < end) d_unprojected_->prepare(share.first, share.last, gates.output(row + share.begin));
    for (int64_t p = share.first; p < share.last; p++)
      for_row_blocks(share.begin, end, [&](int64_t first, int count) {
        Tile<T, 1> d;
        d_unprojected_->fill(d, p, count, gates.output(row + first), outputs());
        f(Place{t, first, row + first, p, count, d.v[0][0]});
      });
  }

  FASTLM_FLATTEN void step(const Share& share, int64_t t) {
    const auto cell = [&](const Place& block) {
      if (plain_)
        update<true>(block);
      else
        update<false>(block);
    };
    if (projected())
      for_projected_places(share, t, cell);
    else
      for_places(share, t, cell);
  }

  FASTLM_INLINE Pack<V, Cell::kSaved> saved(int64_t row, int64_t unit, int live) const {
    Pack<V, Cell::kSaved> saved{};  // a cell may save nothing
    for (int k = 0; k < Cell::kSaved; k++)
      saved[k] = load_first(args_.saved + (row * kSlots<Cell> + k) * args_.hidden + unit, live);
    return saved;
  }

  // What the cell is given, and what goes past it.
  struct Inputs {
    Pack<V, Cell::kSaved> saved;
    Pack<V, S> before, d, past;
    V output;
  };

  // given: place.d_h is the gradient of the cell's output already, and carry(0) what goes past it.
  template <bool Plain>
  FASTLM_INLINE Inputs inputs(const Place& place, bool given, const Shares (&shares)[S], int r, int v, int live) {
    Inputs in;
    const int64_t unit = place.panel * kWidth + v;
    for (int s = 0; s < S; s++) {
      const T* const from = !Plain && s == 0 && projected() ? nullptr : state_before<Cell>(args_, s, place.t, place.b);
      in.before[s] = from ? load_first(from + unit, live) : V(0);
      if (!Plain && s == 0 && given) {
        in.d[0] = load(place.d_h + v);
        in.past[0] = carries_state(0) && !projected() ? load(carry(0, place.b) + unit) : V(0);
      } else {
        in.d[s] = s == 0 ? incoming_h<Plain>(place, v, live) : incoming<Plain>(s, place, unit, live);
        in.past[s] = Plain ? V(0) : split(shares[s], r, v, in.d[s]);
      }
    }
    in.saved = saved(place.row, unit, live);
    // Where a unit kept its state the cell's gradient is 0, whatever its output was.
    const T* const output = !Plain && args_.options.zoneout.mixes(0) ? kept(place.row, layout_.output)
                                                                     : state_after<Cell>(args_, 0, place.row);
    in.output = !Plain && projected() ? V(0) : load_first(output + unit, live);
    return in;
  }

  template <bool Plain>
  FASTLM_INLINE void outputs_of_cell(const Place& place, const Inputs& in, Backward<Cell, V> back, int v, int live) {
    const int64_t unit = place.panel * kWidth + v;
    for (int g = 0; g < G; g++) {
      store_first(gates.x(place.row) + g * args_.hidden + unit, clipped(back.dx[g]), live);
      if constexpr (!Cell::kGatesAdd)
        store_first(gates.normed_h(place.row) + g * args_.hidden + unit, clipped(back.dh[g]), live);
    }
    for (int s = !Plain && projected() ? 1 : 0; s < S; s++)
      if (Plain ? carries<Cell>(s) : carries_state(s))
        store(carry(s, place.b) + unit, Plain ? back.d_before[s] : back.d_before[s] + in.past[s]);
  }

  V clipped(V d) const {
    const T limit = T(args_.options.bptt_clip);
    if (limit == 0) return d;
    where(d > limit, d) = V(limit);  // NaN compares false and passes through
    where(d < -limit, d) = V(-limit);
    return d;
  }

  template <bool Plain>
  void update(const Place& block) {
    Shares shares[S];
    for (int s = projected() ? 1 : 0; !Plain && s < S; s++) fill(shares[s], s, block);
    const bool whole = (block.panel + 1) * kWidth <= args_.hidden;
    for (int r = 0; r < block.count; r++) {
      if (whole)
        update<Plain, true>(block.plus(r), shares, r);
      else
        update<Plain, false>(block.plus(r), shares, r);
    }
  }

  template <bool Plain, bool Whole>
  void update(const Place& place, const Shares (&shares)[S], int r) {
    for (int v = 0; v < kWidth; v += kLane) {
      const int live = Whole ? kLane : int(std::clamp<int64_t>(args_.hidden - place.panel * kWidth - v, 0, kLane));
      const Inputs in = inputs<Plain>(place, projected(), shares, r, v, live);
      outputs_of_cell<Plain>(place, in, Cell::backward(in.saved, in.before, in.output, in.d), v, live);
    }
  }

  // The same where the layer norms need all units of a row.
  void normed_step(const Share& share, int64_t t) {
    if (projected())
      for_projected_places(share, t, [&](const Place& block) {
        for (int r = 0; r < block.count; r++)
          std::copy_n(block.d_h + r * kWidth, kWidth, d_output(block.b + r) + block.panel * kWidth);
      });
    else
      take_h(share, t, [&](const Place& place, int64_t unit, int, V d) { store(d_output(place.b) + unit, d); });
    Buffer<T> tanh(stride_), d_state(stride_);
    for (int64_t b = share.begin; b < std::min(share.end, args_.walk.sequence.rows(t)); b++) {
      const int64_t row = args_.walk.sequence.row(t, b);
      if constexpr (kOutputApart<Cell>) back_through_state_norm(b, row, tanh.data(), d_state.data());
      for (int64_t p = share.first; p < share.last; p++) {
        const Place place{t, b, row, p, 1, d_output(b) + p * kWidth};
        Shares shares[S];
        for (int s = 1; s < S; s++) fill(shares[s], s, place);
        for (int v = 0; v < kWidth; v += kLane) {
          const int64_t unit = p * kWidth + v;
          const int live = int(std::clamp<int64_t>(args_.hidden - unit, 0, kLane));
          const Inputs in = inputs<false>(place, true, shares, 0, v, live);
          if constexpr (kOutputApart<Cell>)
            outputs_of_cell<false>(place, in,
                                   Cell::update_backward(in.saved, in.before, load(tanh.data() + unit), in.d[0],
                                                         in.d[1] + load_first(d_state.data() + unit, live)),
                                   v, live);
          else
            outputs_of_cell<false>(place, in, Cell::backward(in.saved, in.before, in.output, in.d), v, live);
        }
      }
      const auto gradient = [&](T* at) { return [=, this](int g, int64_t u) { return at + g * args_.hidden + u; }; };
      gates.norms->h.backward(gradient(gates.normed_h(row)), kept(row, layout_.h_normal), kept(row, layout_.scales)[1],
                              gradient(gates.h(row)));
    }
  }

  // From the output of a row to its state: tanh of the normalised one, and the gradient of the state.
  void back_through_state_norm(int64_t b, int64_t row, T* tanh, T* d_state) {
    for (int64_t u = 0; u < args_.hidden; u += kLane) {
      const int live = int(std::min<int64_t>(kLane, args_.hidden - u));
      const V value = Math<V>::tanh(gates.norms->state.result(0, u, kept(row, layout_.state_normal), live));
      store(tanh + u, value);
      store_first(gates.state(row) + u, load(d_output(b) + u) * Cell::output_slope(saved(row, u, live), value), live);
    }
    const auto unit_of = [](T* at) { return [=](int, int64_t u) { return at + u; }; };
    gates.norms->state.backward(unit_of(gates.state(row)), kept(row, layout_.state_normal),
                                kept(row, layout_.scales)[2], unit_of(d_state));
  }

  // The gradient of the initial states: one more product, of the sequences that start at step t.
  void initial(const Share& share, int64_t t) {
    const Walk& walk = args_.walk;
    const int64_t begin = std::max(share.begin, walk.continued(t)), end = std::min(share.end, walk.sequence.rows(t));
    if (begin >= end) return;
    const Share part = share_of_outputs(share);
    d_h_.prepare(part.first, part.last, gates.h_at(t, begin));
    for (int64_t p = part.first; p < part.last; p++)
      for_row_blocks(begin, end, [&](int64_t first, int count) {
        Tile<T, 1> d_h;
        d_h_.fill(d_h, p, count, gates.h_at(t, first), gates.gate_stride());
        for (int r = 0; r < count; r++)
          for (int v = 0; v < kWidth; v += kLane) {
            const int64_t b = first + r, unit = p * kWidth + v;
            const int live = int(std::clamp<int64_t>(outputs() - unit, 0, kLane));
            V d = through_mask(load(d_h.v[0][r] + v), b, unit, live);
            if (carries_state(0)) d += load(carry(0, b) + unit);
            store_first(args_.d_hx[0] + b * outputs() + unit, d, live);
          }
      });
    for (int s = 1; s < S; s++)
      for (int64_t b = begin; b < end; b++)
        for (int64_t u = share.first * kWidth; u < std::min(share.last * kWidth, args_.hidden); u++)
          args_.d_hx[s][b * args_.hidden + u] = carries_state(s) ? carry(s, b)[u] : T(0);
  }

  T* d_output(int64_t b) { return d_output_.data() + b * stride_; }

  const LayerBackward<T>& args_;
  KeptLayout layout_;
  bool plain_;  // nothing but the cell
  int64_t stride_;
  HiddenBack<Cell, T> d_h_;
  std::optional<BackProduct<T>> d_unprojected_;
  Buffer<T> carry_;     // [S][batch][stride]: gradients on their way to the step before
  Buffer<T> d_output_;  // [batch][stride]: with layer norm, of the cell's output
};

template <class Cell, class T>
void backward_pass(const std::vector<LayerBackward<T>>& directions, Team& team) {
  std::vector<BackwardPass<Cell, T>> passes;
  passes.reserve(directions.size());
  for (const auto& direction : directions) passes.emplace_back(direction, team);
  const LayerBackward<T>& any = directions[0];
  const auto next = [&] {
    bool more = false;
    for (auto& pass : passes) more |= pass.gates.next();
    return more;
  };
  while (next()) {
    const int64_t steps = passes[0].gates.last() - passes[0].gates.first();
    const int64_t work = work_of<Cell>(any) / any.walk.sequence.steps * steps;
    run_shares<T>(team, directions.size(), any.walk.sequence.batch, any.hidden, work, !any.options.gains,
                  [&](int64_t d, const Share& share, const auto& sync) { passes[d].run(share, sync); });
    for (auto& pass : passes) pass.gates.reduce(team);
  }
}

}  // namespace fastlm::cpu
