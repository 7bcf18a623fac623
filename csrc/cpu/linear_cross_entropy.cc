// A block of rows at a time, in three sweeps over the classes: logits and their exponentials; the gradients of the
// logits, of weight and bias; the gradient of the input.
//
// Logits are kept transposed, [panel of rows][class][row of the panel]: a vector holds one class of neighbouring rows,
// so that nothing is summed across its lanes, weight is read as it lies, and a panel is an operand of panel.h.
#include "linear_cross_entropy.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "product.h"
#include "simd_math.h"
#include "transpose.h"

namespace fastlm::cpu {
namespace {

// A piece of memory that is asked for line by line while something else is computed: the next block of a matrix that
// lies beyond the second-level cache.
class Ahead {
 public:
  // steps: how often some() will be called
  template <class T>
  Ahead(const T* begin, int64_t count, int64_t steps)
      : at_(reinterpret_cast<const char*>(begin)), end_(at_ + count * int64_t(sizeof(T))) {
    step_ = (count * int64_t(sizeof(T)) / std::max<int64_t>(1, steps) / kLine + 1) * kLine;
  }
  void some() {
    const char* const end = std::min(end_, at_ + step_);
    for (; at_ < end; at_ += kLine) prefetch<0, 2>(at_);
  }

 private:
  static constexpr int64_t kLine = 64;
  const char *at_, *end_;
  int64_t step_;
};

template <class T>
class RowsPass {
  static constexpr int kLane = kLanes<T>, kWidth = kPanelWidth<T>, kHalves = kWidth / kLane;
  static constexpr int64_t kClasses = 128;          // of a block: its logits of one panel stay in the first-level cache
  static constexpr int64_t kDepth = 2 * kClasses;   // classes of which the input's gradient is summed at a time
  static constexpr int64_t kPiece = 256;            // units, of which a panel stays there, too
  static constexpr int64_t kMostLogits = 42 << 20;  // bytes
  static constexpr int64_t kMostRows = 352;
  alignas(64) static constexpr T kZeros[kPanelWidth<T>] = {};

 public:
  // The rows that `active` names, at most most_rows() of them.
  RowsPass(const LinearCrossEntropy<T>& args, const int64_t* active, int64_t count)
      : args_(args),
        active_(active),
        count_(count),
        panels_(count_panels<T>(count)),
        blocks_((args.classes + kClasses - 1) / kClasses),
        columns_(args.hidden, count),
        logits_(wants_gradients() ? panels_ * args.classes * kWidth : 0),
        largest_(blocks_ * width()),
        sums_(blocks_ * width()),
        totals_(args.rule.label_smoothing == 0 ? 0 : blocks_ * width()),
        targets_(width()),
        target_logits_(width()) {
    for (int64_t r = 0; r < width(); r++) targets_[r] = r < count ? args.target[active[r]] : -1;
    rows_ = args.input + active[0] * args.hidden;
    if (active[count - 1] - active[0] == count - 1) return;
    rows_ = gathered_.emplace(count * args.hidden).data();
    for (int64_t r = 0; r < count; r++)
      std::copy_n(args.input + active[r] * args.hidden, args.hidden, gathered_->data() + r * args.hidden);
  }

  static int64_t most_rows(const LinearCrossEntropy<T>& args) {
    const int64_t fit = kMostLogits / int64_t(sizeof(T)) / std::max<int64_t>(1, args.classes);
    return std::clamp<int64_t>(fit / kWidth * kWidth, kWidth, kMostRows);
  }

  // first: nothing has been added to the gradients of weight and bias yet.
  void run(bool first, Team& team) {
    const int64_t H = args_.hidden, V = args_.classes;
    team.for_slices(panels_, std::max<int64_t>(1, kWorthAThread / (kWidth * (H + 1))), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; p++) columns_.pack_transposed(p, rows_, H);
    });
    const int64_t grain = std::max<int64_t>(1, kWorthAThread / (kClasses * width() * (H + 1)));
    team.for_slices(blocks_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; b++) exponentials(b);
    });
    finish_rows();
    if (!wants_gradients()) return;
    {
      PackedMatrix<T> rows(count_, H);
      if (args_.d_weight)
        for (int64_t p = 0; p < rows.panels(); p++) rows.pack(p, [&](int64_t r) { return row(r); });
      team.for_slices(blocks_, grain, [&](int64_t begin, int64_t end) {
        Buffer<T> dense(kClasses * width());
        for (int64_t b = begin; b < end; b++) {
          gradients_of_logits(b, dense.data());
          add_to_parameters(b, dense.data(), rows, !first);
        }
      });
    }
    if (!args_.d_input) return;
    const int64_t groups = (H + kMaxRows - 1) / kMaxRows;
    team.for_slices(groups, std::max<int64_t>(1, kWorthAThread / (kMaxRows * width() * (V + 1))),
                    [&](int64_t begin, int64_t end) { gradient_of_input(begin, end); });
  }

 private:
  bool wants_gradients() const { return args_.d_input || args_.d_weight || args_.d_bias; }
  int64_t width() const { return panels_ * kWidth; }  // rows, with those that fill the last panel
  const T* row(int64_t r) const { return rows_ + r * args_.hidden; }
  T* logits(int64_t p, int64_t c) { return logits_.data() + (p * args_.classes + c) * kWidth; }
  int64_t end_of(int64_t b) const { return std::min(args_.classes, (b + 1) * kClasses); }

  // The rows of weight from class c on.
  Ahead weight_after(int64_t c, int64_t count, int64_t steps) const {
    return Ahead(args_.weight + c * args_.hidden, std::min(count, args_.classes - c) * args_.hidden, steps);
  }

  // Of a block of classes and all rows: e^(logit - largest of the block), the largest, the sum, the target's logit.
  void exponentials(int64_t b) {
    const int64_t H = args_.hidden, begin = b * kClasses, end = end_of(b);
    alignas(64) T few[kClasses * kWidth];
    const int64_t pieces = std::max<int64_t>(1, (H + kPiece - 1) / kPiece);
    Ahead next = weight_after(end, kClasses, panels_ * pieces * (kClasses / kMaxRows));
    for (int64_t p = 0; p < panels_; p++) {
      T* const to = wants_gradients() ? logits(p, begin) : few;
      for (int64_t i = 0; i < pieces; i++) {
        const int64_t k = H * i / pieces, depth = H * (i + 1) / pieces - k;
        for_row_blocks(begin, end, [&](int64_t c, int count) {
          next.some();
          multiply_panel<T, false>(count, {args_.weight + c * H + k, H}, columns_.panel(p) + k * kWidth, depth,
                                   i == 0 ? kZeros : nullptr, to + (c - begin) * kWidth);
        });
      }
      finish_logits(b, p, to);
    }
  }

  void finish_logits(int64_t b, int64_t p, T* logits) {
    const int64_t begin = b * kClasses, count = end_of(b) - begin;
    const T* bias = args_.bias ? args_.bias + begin : nullptr;
    for (int i = 0; i < kWidth; i++)
      if (const int64_t c = targets_[p * kWidth + i] - begin; c >= 0 && c < count)
        target_logits_[p * kWidth + i] = logits[c * kWidth + i] + (bias ? bias[c] : T(0));
    const int64_t at = b * width() + p * kWidth;
    Vec<T> largest[kHalves], sum[kHalves], total[kHalves];
    for (int i = 0; i < kHalves; i++) {
      largest[i] = Vec<T>(std::numeric_limits<T>::lowest());  // not -infinity, from which nothing can be subtracted
      sum[i] = total[i] = Vec<T>(0);
    }
    for (int64_t c = 0; c < count; c++)
      for (int i = 0; i < kHalves; i++) {
        Vec<T> logit = load(logits + c * kWidth + i * kLane);
        if (bias) store(logits + c * kWidth + i * kLane, logit += bias[c]);
        where(logit > largest[i], largest[i]) = logit;
        total[i] += logit;
      }
    for (int64_t c = 0; c < count; c++)
      for (int i = 0; i < kHalves; i++) {
        T* const logit = logits + c * kWidth + i * kLane;
        const Vec<T> e = exp_of_negative<T>(load(logit) - largest[i]);
        store(logit, e);
        sum[i] += e;
      }
    for (int i = 0; i < kHalves; i++) {
      store(largest_.data() + at + i * kLane, largest[i]);
      store(sums_.data() + at + i * kLane, sum[i]);
      if (args_.rule.label_smoothing != 0) store(totals_.data() + at + i * kLane, total[i]);
    }
  }

  // The losses; and in place of the largest logits, what makes gradients of the exponentials.
  void finish_rows() {
    for (int64_t r = 0; r < width(); r += kLane) {
      Vec<T> largest(std::numeric_limits<T>::lowest()), sum(0);
      for (int64_t b = 0; b < blocks_; b++) {
        const Vec<T> here = load(largest_.data() + b * width() + r);
        where(here > largest, largest) = here;
      }
      for (int64_t b = 0; b < blocks_; b++)
        sum += load(sums_.data() + b * width() + r) *
               exp_of_negative<T>(load(largest_.data() + b * width() + r) - largest);
      Vec<T> factor(0);
      for (int i = 0; i < kLane && r + i < count_; i++) {
        double mean = 0;
        if (args_.rule.label_smoothing != 0) {
          for (int64_t b = 0; b < blocks_; b++) mean += totals_.data()[b * width() + r + i];
          mean /= double(args_.classes);
        }
        const double log_sum = double(largest[i]) + std::log(double(sum[i]));
        if (args_.loss) args_.loss[active_[r + i]] = T(args_.rule.loss(log_sum, target_logits_[r + i], mean));
        factor[i] = T(grad(r + i) * args_.rule.on_probability(log_sum) / double(sum[i]));
      }
      if (wants_gradients())
        for (int64_t b = 0; b < blocks_; b++) {
          T* const at = largest_.data() + b * width() + r;
          store(at, factor * exp_of_negative<T>(load(at) - largest));
        }
    }
  }

  double grad(int64_t r) const { return args_.factor * (args_.grad ? double(args_.grad[active_[r]]) : 1.0); }

  // In place of a block's exponentials their gradients; also as [class][width()] in `dense`.
  void gradients_of_logits(int64_t b, T* dense) {
    const int64_t begin = b * kClasses, count = end_of(b) - begin;
    for (int64_t p = 0; p < panels_; p++) {
      T* const exponentials = logits(p, begin);
      const T* const factors = largest_.data() + b * width() + p * kWidth;
      Vec<T> factor[kHalves], less[kHalves];
      for (int i = 0; i < kHalves; i++) {
        factor[i] = load(factors + i * kLane);
        less[i] = Vec<T>([&](int lane) {
          const int64_t r = p * kWidth + i * kLane + lane;
          return r < count_ ? T(grad(r) * args_.rule.on_all() / double(args_.classes)) : T(0);
        });
      }
      for (int64_t c = 0; c < count; c++)
        for (int i = 0; i < kHalves; i++) {
          T* const at = exponentials + c * kWidth + i * kLane;
          const Vec<T> gradient = load(at) * factor[i] - less[i];
          store(at, gradient);
          store(dense + c * width() + p * kWidth + i * kLane, gradient);
        }
      for (int64_t r = p * kWidth; r < std::min(count_, (p + 1) * kWidth); r++)
        if (const int64_t c = targets_[r] - begin; c >= 0 && c < count) {
          T& gradient = exponentials[c * kWidth + r % kWidth];
          gradient -= T(grad(r) * args_.rule.on_target());
          dense[c * width() + r] = gradient;
        }
    }
  }

  void add_to_parameters(int64_t b, const T* dense, const PackedMatrix<T>& rows, bool add) {
    const int64_t H = args_.hidden, begin = b * kClasses, end = end_of(b);
    if (args_.d_bias)
      for (int64_t c = begin; c < end; c++) {
        Vec<T> sum(0);
        for (int64_t r = 0; r < width(); r += kLane) sum += load(dense + (c - begin) * width() + r);
        args_.d_bias[c] = (add ? args_.d_bias[c] : T(0)) + stdx::reduce(sum);
      }
    if (!args_.d_weight) return;
    const int64_t steps = rows.panels() * (kClasses / kMaxRows);
    std::vector<Ahead> next;  // the exponentials of the next block
    for (int64_t p = 0; p < panels_ && end < args_.classes; p++)
      next.emplace_back(logits(p, end), std::min(kClasses, args_.classes - end) * kWidth, steps);
    for (int64_t p = 0; p < rows.panels(); p++)
      for_row_blocks(begin, end, [&](int64_t c, int count) {
        for (Ahead& ahead : next) ahead.some();
        Tile<T, 1> tile;
        T* const to = args_.d_weight + c * H;
        prefetch_tile(count, p, to, H);
        multiply_panel<T, false>(count, {dense + (c - begin) * width(), width()}, rows.panel(p), count_, kZeros,
                                 tile.v[0][0]);
        store_tile(tile, count, p, to, H, add);
      });
  }

  // Units of the groups [begin, end), each kMaxRows wide, of the gradient of the input.
  void gradient_of_input(int64_t begin, int64_t end) {
    const int64_t H = args_.hidden, V = args_.classes, first = begin * kMaxRows;
    const int64_t units = std::min(H, end * kMaxRows) - first;
    Buffer<T> strip((end - begin) * kDepth * kMaxRows);  // [group][class][unit of the group]
    Buffer<T> sums(panels_ * units * kWidth);            // [panel][unit][row of the panel]
    std::fill_n(sums.data(), panels_ * units * kWidth, T(0));
    for (int64_t c = 0; c < V; c += kDepth) {
      const int64_t depth = std::min(kDepth, V - c);
      for (int64_t k = 0; k < depth; k++) {
        const T* from = args_.weight + (c + k) * H + first;
        T* to = strip.data() + k * kMaxRows;
        int64_t unit = 0;
        for (; unit + kMaxRows <= units; unit += kMaxRows, to += kDepth * kMaxRows)
          __builtin_memcpy(to, from + unit, kMaxRows * sizeof(T));
        for (int64_t i = unit; i < units; i++) to[i - unit] = from[i];
      }
      Ahead next = weight_after(c + depth, kDepth, panels_ * (end - begin));
      for (int64_t p = 0; p < panels_; p++)
        for (int64_t group = 0; group < end - begin; group++) {
          next.some();
          const int64_t unit = group * kMaxRows;
          multiply_panel<T, true>(int(std::min<int64_t>(kMaxRows, units - unit)), {strip.data() + unit * kDepth, 0},
                                  logits(p, c), depth, nullptr, sums.data() + (p * units + unit) * kWidth);
        }
    }
    for (int64_t r = 0; r < count_; r++) {
      const T* from = sums.data() + r / kWidth * units * kWidth + r % kWidth;
      T* const to = args_.d_input + active_[r] * H + first;
      for (int64_t unit = 0; unit < units; unit++, from += kWidth) to[unit] = *from;
    }
  }

  const LinearCrossEntropy<T>& args_;
  const int64_t* const active_;
  const int64_t count_, panels_, blocks_;
  std::optional<Buffer<T>> gathered_;
  const T* rows_;            // [rows, H]: those of the input, or where some are ignored, gathered
  PackedMatrix<T> columns_;  // the same as columns, [H, rows]
  Buffer<T> logits_;         // [panels][V][kWidth]: exponentials, then gradients
  Buffer<T> largest_;        // [blocks][width()]: of the logits; then what the exponentials are multiplied with
  Buffer<T> sums_;           // [blocks][width()]: of the exponentials
  Buffer<T> totals_;         // [blocks][width()]: of the logits, for label smoothing
  std::vector<int64_t> targets_;
  std::vector<T> target_logits_;
};

}  // namespace

template <class T>
void linear_cross_entropy(const LinearCrossEntropy<T>& args, Team& team) {
  std::vector<int64_t> active;
  for (int64_t r = 0; r < args.rows; r++)
    if (args.target[r] != args.ignore_index) {
      active.push_back(r);
    } else {
      if (args.loss) args.loss[r] = T(0);
      if (args.d_input) std::fill_n(args.d_input + r * args.hidden, args.hidden, T(0));
    }
  const int64_t count = int64_t(active.size()), most = RowsPass<T>::most_rows(args);
  const int64_t chunks = (count + most - 1) / most;
  const auto bound = [&](int64_t i) {  // whole panels, as equal as they can be
    const int64_t panels = count_panels<T>(count);
    return std::min(count, panels * i / chunks * kPanelWidth<T>);
  };
  for (int64_t i = 0; i < chunks; i++)
    RowsPass<T>(args, active.data() + bound(i), bound(i + 1) - bound(i)).run(i == 0, team);
  if (chunks > 0) return;
  if (args.d_weight) std::fill_n(args.d_weight, args.classes * args.hidden, T(0));
  if (args.d_bias) std::fill_n(args.d_bias, args.classes, T(0));
}

template void linear_cross_entropy(const LinearCrossEntropy<float>&, Team&);
template void linear_cross_entropy(const LinearCrossEntropy<double>&, Team&);

}  // namespace fastlm::cpu
