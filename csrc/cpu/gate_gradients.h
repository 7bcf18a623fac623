// The gradients of the pre-activations of some steps, and what they add to the gradients of the parameters and the
// input.
//
// They never exist as a whole: BPTT fills a chunk of them, and it is summed up while it lies in the cache.
#pragma once

#include <optional>
#include <vector>

#include "layer_norm.h"
#include "rnn.h"

namespace fastlm::cpu {

template <class Cell, class T>
class GateGradients {
  static constexpr int G = Cell::kGates;

 public:
  GateGradients(const LayerBackward<T>& args, Team& team)
      : args_(args),
        layout_(kept_layout<Cell>(args.hidden, args.options)),
        last_(args.walk.sequence.steps),
        first_(last_),
        most_rows_(chunk_rows()),
        x_(most_rows_ * gate_stride()),
        h_(Cell::kGatesAdd && !normed() ? 0 : most_rows_ * gate_stride()),
        before_norm_(Cell::kGatesAdd || !normed() ? 0 : most_rows_ * gate_stride()),
        state_(normed() && kOutputApart<Cell> ? most_rows_ * args.hidden : 0),
        output_(args.options.w_hr ? most_rows_ * args.options.outputs : 0),
        edge_(args.walk.sequence.batch * gate_stride()) {
    if (normed()) norms.emplace(args.hidden, args.options.gains);
    if (args.d_input) {
      w_ih_.emplace(G * args.hidden, args.inputs);
      pack_panels<T>(team, args.inputs, G * args.hidden,
                     [&](int64_t p) { w_ih_->pack(p, [&](int64_t k) { return args.w_ih + k * args.inputs; }); });
    }
  }

  std::optional<LayerNorms<Cell, T>> norms;

  // Goes on to the visits of the walk before; false: there are none, and the chunk is empty.
  bool next() {
    const Walk& walk = args_.walk;
    if (first_ == 0) {
      last_ = rows_ = 0;
      return false;
    }
    if (first_ < walk.sequence.steps) {  // the step of the edge will be asked for once more
      const int64_t t = walk.step(first_);
      std::copy_n(h(walk.sequence.row(t, 0)), walk.sequence.rows(t) * gate_stride(), edge_.data());
    }
    last_ = first_;
    int64_t rows = 0;
    do rows += walk.sequence.rows(walk.step(--first_));
    while (first_ > 0 && rows + walk.sequence.rows(walk.step(first_ - 1)) <= most_rows_);
    const int64_t t = std::min(walk.step(first_), walk.step(last_ - 1));
    first_row_ = walk.sequence.row(t, 0), rows_ = rows;
    return true;
  }

  // Visits of the chunk: [first, last)
  int64_t first() const { return first_; }
  int64_t last() const { return last_; }

  // Rows are no power of two apart: a block of them lies in different cache sets.
  int64_t gate_stride() const { return G * args_.hidden + kLanes<T>; }

  // Gradients of a row of the chunk: [G * H] of W x and of U h; of what they are behind their layer norms; of the
  // state's norm, [H]; of the projection's result, [P].
  T* x(int64_t row) { return x_.data() + (row - first_row_) * gate_stride(); }
  T* h(int64_t row) { return Cell::kGatesAdd && !normed() ? x(row) : h_.data() + (row - first_row_) * gate_stride(); }
  T* normed_h(int64_t row) {
    if (Cell::kGatesAdd) return x(row);
    return normed() ? before_norm_.data() + (row - first_row_) * gate_stride() : h(row);
  }
  T* state(int64_t row) { return state_.data() + (row - first_row_) * args_.hidden; }
  T* output(int64_t row) { return output_.data() + (row - first_row_) * args_.options.outputs; }

  // h() of sequence b at step t of the chunk, or at the step behind it.
  const T* h_at(int64_t t, int64_t b) {
    const int64_t row = args_.walk.sequence.row(t, b);
    return row >= first_row_ && row < first_row_ + rows_ ? h(row) : edge_.data() + b * gate_stride();
  }

  // Adds the chunk to all sums.
  void reduce(Team& team) {
    const bool add = last_ < args_.walk.sequence.steps;
    const int64_t hidden = args_.hidden, size = G * hidden, inputs = args_.inputs, outputs = args_.options.outputs;
    const auto x_row = [&](int64_t k) { return x(first_row_ + k); };
    const auto h_row = [&](int64_t k) { return h(first_row_ + k); };
    const auto normed_row = [&](int64_t k) { return normed_h(first_row_ + k); };
    if (args_.d_b_ih) {
      sum_rows(rows_, x_row, size, args_.d_b_ih, add, team);
      if (Cell::kGatesAdd)
        std::copy_n(args_.d_b_ih, size, args_.d_b_hh);
      else
        sum_rows(rows_, normed_row, size, args_.d_b_hh, add, team);
    }
    if (normed()) reduce_norms(add, team);
    sum_outer_products(
        rows_, x_row, size, [&](int64_t k) { return args_.input + (first_row_ + k) * inputs; }, inputs, args_.d_w_ih,
        add, team);
    const Before before(*this);
    if constexpr (kHasMatrix<Cell>)
      sum_outer_products(
          rows_, h_row, size, [&](int64_t k) { return before.rows[k]; }, outputs, args_.d_w_hh, add, team);
    else
      sum_products(h_row, before.rows, add);
    if (args_.options.w_hr)
      sum_outer_products(
          rows_, [&](int64_t k) { return output(first_row_ + k); }, outputs,
          [&](int64_t k) { return kept(first_row_ + k, layout_.unprojected); }, hidden, args_.d_w_hr, add, team);
    if (args_.d_input)
      multiply_rows(x_.data(), gate_stride(), rows_, *w_ih_, args_.d_input + first_row_ * inputs, args_.add_input,
                    team);
  }

 private:
  static constexpr int64_t kChunkBytes = 4 << 20,
                           kFewestRows = 768;  // in the cache; but the sums are made in long runs

  bool normed() const { return args_.options.gains != nullptr; }
  const T* kept(int64_t row, int64_t part) const { return args_.kept + row * layout_.width + part; }
  int64_t count_rows() const {
    const Sequence& sequence = args_.walk.sequence;
    return sequence.row(sequence.steps - 1, 0) + sequence.rows(sequence.steps - 1);
  }

  // Rows of a chunk: all chunks about equal, and no smaller than a step.
  int64_t chunk_rows() const {
    const int64_t rows = count_rows();
    const int64_t most = std::max<int64_t>(kFewestRows, kChunkBytes / int64_t(gate_stride() * sizeof(T)));
    const int64_t chunks = std::max<int64_t>(1, (rows + most - 1) / most), batch = args_.walk.sequence.batch;
    return std::min(rows, (rows + chunks - 1) / chunks + batch);
  }

  // The operand of U in each row of the chunk, [P]; null: zeros.
  struct Before {
    std::vector<const T*> rows;
    Buffer<T> masked;

    explicit Before(const GateGradients& chunk)
        : masked(chunk.args_.options.h_mask ? chunk.rows_ * chunk.args_.options.outputs : 0) {
      const auto& args = chunk.args_;
      const Sequence& sequence = args.walk.sequence;
      const int64_t width = args.options.outputs;
      const int64_t t0 = std::min(args.walk.step(chunk.first_), args.walk.step(chunk.last_ - 1));
      for (int64_t t = t0; t < t0 + chunk.last_ - chunk.first_; t++)
        for (int64_t b = 0; b < sequence.rows(t); b++) {
          const T* h = state_before<Cell>(args, 0, t, b);
          if (h && args.options.h_mask) {
            T* const to = masked.data() + int64_t(rows.size()) * width;
            for (int64_t u = 0; u < width; u++) to[u] = h[u] * args.options.h_mask[b * width + u];
            h = to;
          }
          rows.push_back(h);
        }
    }
  };

  // The gradients of the gains and shifts; behind it x() is the gradient of W x itself.
  void reduce_norms(bool add, Team& team) {
    const int64_t hidden = args_.hidden, size = G * hidden;
    const auto gain = [&](int64_t count, auto gradient, int64_t normal, T* to) {
      sum_products_of_rows(
          rows_, gradient, [&](int64_t k) { return kept(first_row_ + k, normal); }, count, to, add, team);
    };
    gain(size, [&](int64_t k) { return x(first_row_ + k); }, layout_.x_normal, args_.d_gains);
    gain(size, [&](int64_t k) { return normed_h(first_row_ + k); }, layout_.h_normal, args_.d_gains + size);
    if (kOutputApart<Cell>) {
      const auto state_row = [&](int64_t k) { return state(first_row_ + k); };
      gain(hidden, state_row, layout_.state_normal, args_.d_gains + 2 * size);
      sum_rows(rows_, state_row, hidden, args_.d_gains + 2 * size + hidden, add, team);
    }
    team.for_slices(rows_, std::max<int64_t>(1, kWorthAThread / (10 * size)), [&](int64_t begin, int64_t end) {
      for (int64_t row = first_row_ + begin; row < first_row_ + end; row++) {
        const auto unit = [&](int g, int64_t u) { return x(row) + g * hidden + u; };
        norms->x.backward(unit, kept(row, layout_.x_normal), kept(row, layout_.scales)[0], unit);
      }
    });
  }

  // The gradient of a diagonal U: element by element.
  template <class Row>
  void sum_products(const Row& d_h, const std::vector<const T*>& before, bool add) const {
    const int64_t hidden = args_.hidden;
    if (!add) std::fill_n(args_.d_w_hh, G * hidden, T(0));
    for (int64_t k = 0; k < rows_; k++)
      for (int64_t g = 0; before[k] && g < G; g++)
        for (int64_t u = 0; u < hidden; u++) args_.d_w_hh[g * hidden + u] += d_h(k)[g * hidden + u] * before[k][u];
  }

  const LayerBackward<T>& args_;
  KeptLayout layout_;
  int64_t last_, first_, most_rows_, first_row_ = 0, rows_ = 0;
  Buffer<T> x_, h_, before_norm_, state_, output_;
  Buffer<T> edge_;  // h() of the step behind the chunk, [batch]
  std::optional<PackedMatrix<T>> w_ih_;
};

}  // namespace fastlm::cpu
