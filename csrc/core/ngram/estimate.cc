#include "estimate.h"

#include <cmath>
#include <stdexcept>

#include "chunks.h"
#include "contexts.h"

namespace fastlm::ngram {
namespace {

double probability_of(const ByClass& discounts, const Weights& weights, uint64_t count) {
  const double discount = weights.scale < 0 ? 0 : discounts[class_of(count)];
  return std::max(0.0, double(count) - discount) * std::abs(weights.scale);
}

constexpr uint64_t kInMemory = 16 << 20;  // bytes of what is set aside for a level

StoredWeights stored(const Weights& weights) { return {float(weights.scale), float(weights.unseen)}; }

// Thresholds for each order.
std::vector<uint64_t> thresholds(std::vector<uint64_t> prune, int order, const Smoothing& smoothing) {
  const auto require = [](bool good, const std::string& what) {
    if (!good) throw std::invalid_argument(what);
  };
  if (prune.empty()) prune = {0};
  require(int(prune.size()) <= order, "prune has " + std::to_string(prune.size()) + " thresholds, expected " +
                                          std::to_string(order) + ", one for each order, or fewer");
  prune.resize(order, prune.back());
  require(prune[0] == 0, "the first threshold of prune, of words, must be 0, got " + std::to_string(prune[0]) +
                             "; min_count and max_vocabulary leave out words");
  for (int n = 1; n < order; n++)
    require(prune[n] >= prune[n - 1], "the thresholds of prune must not fall from one order to the next: " +
                                          std::to_string(prune[n - 1]) + ", " + std::to_string(prune[n]));
  require(prune.back() == 0 || smoothing.interpolates(),
          "prune needs a smoothing that interpolates, as modified-kneser-ney; prune the table instead");
  return prune;
}

void check_options(const Estimation& estimation, const Smoothing& smoothing) {
  if (smoothing.interpolates()) return;
  const auto refuse = [](bool set, const std::string& name) {
    if (set) throw std::invalid_argument(name + " needs a smoothing that interpolates, as modified-kneser-ney");
  };
  refuse(!estimation.limit.empty(), "limit_vocabulary");
  refuse(!estimation.interpolate_words, "interpolate_unigrams=False");
  refuse(estimation.vocabulary_pad > 0, "vocabulary_pad");
}

// Which n-grams of a level the model has.
class Selection {
 public:
  // Of order 1.
  Selection(const NodeLevel& level, const Estimation& estimation, std::vector<uint64_t> prune)
      : estimation_(estimation), prune_(std::move(prune)), all_(estimation.limit.empty() && prune_.back() == 0) {
    for (Word word = 0; !all_ && word < level.size; word++) kept_.push_back(estimation.stays(word));
  }

  bool operator[](uint64_t i) const { return all_ || kept_[i]; }
  bool all() const { return all_; }

  // Whether n-gram i of this order may be followed by one of order n.
  bool keeps(uint64_t i, int n, const Node& follower) const {
    return all_ ||
           (kept_[i] && (prune_[n - 1] == 0 || follower.count > prune_[n - 1]) && estimation_.stays(follower.word));
  }
  void next(std::vector<bool> kept) { kept_ = std::move(kept); }

 private:
  const Estimation& estimation_;
  std::vector<uint64_t> prune_;
  bool all_;
  std::vector<bool> kept_;
};

class Estimator {
 public:
  Estimator(SectionSink& sink, const NodeLevels& levels, const SmoothingKind& kind, const Smoothing& smoothing,
            const Estimation& estimation, const Workers& workers)
      : sink_(sink),
        levels_(levels),
        adjusted_(kind.adjusted),
        smoothing_(smoothing),
        estimation_(estimation),
        kept_(levels[0], estimation, thresholds(estimation.prune, int(levels.size()), smoothing)),
        workers_(workers) {
    if (smoothing.needs_lower()) lower_ = lower_sums(levels, smoothing, workers);
    Word number = 0;
    for (Word word = 0; word < levels[0].size; word++) numbers_.push_back(estimation.stays(word) ? number++ : 0);
    vocabulary_ = number;
  }

  void run() {
    LevelNeeds needs;
    needs.size = vocabulary_, needs.vocabulary = vocabulary_, needs.layout = estimation_.layout;
    for (int n = 1; n <= order(); n++) {
      if (workers_.poll) workers_.poll();
      needs.n = n;
      needs = n < order() ? inner(needs) : last(needs);
    }
    const std::vector<double> words = unigrams(levels_[0], smoothing_, adjusted_, estimation_);
    sink_.put("unigrams", array_of(std::vector<float>(words.begin(), words.end())));
  }

 private:
  int order() const { return int(levels_.size()); }

  // A level that has another one below: `needs` knows its size; returns what is known of the next one then.
  LevelNeeds inner(LevelNeeds needs) {
    const int n = needs.n;
    LevelNeeds next;
    next.vocabulary = vocabulary_, next.layout = estimation_.layout, next.indexed = true;
    ContextNumbers contexts;
    ChunkStore store(kInMemory, estimation_.temp_dir);
    SetAside numbers(store), children(store);
    std::vector<bool> below_kept;
    NodeCursor below(levels_[n]);
    uint64_t i = 0;
    for (NodeCursor node(levels_[n - 1]); node.more(); node.advance(), i++) {
      ContextCounts counts{.order = n + 1, .vocabulary = double(needs.vocabulary - 1)};
      uint64_t left = 0;
      for (uint64_t c = 0; c < (*node).children; c++, below.advance()) {
        const bool keeps = kept_.keeps(i, n + 1, *below);
        if (keeps)
          counts.add(count_of(*below, adjusted_)), left++;
        else
          counts.prune(count_of(*below, adjusted_));
        if (!kept_.all()) below_kept.push_back(keeps);
      }
      if (!kept_[i]) continue;
      if (!lower_.empty()) counts.lower = lower_[n - 1][i];
      const Weights weights = counts.distinct > 0 ? smoothing_.weights(counts) : Weights{0, smoothing_.absent()};
      numbers.add(contexts.number(stored(weights)));
      if (!kept_.all()) children.add(left);
      needs.counts.add(count_of(*node, adjusted_));
      next.size += left, next.ranges.add(left);
    }
    needs.next = next.size, needs.contexts = contexts.size();
    needs.implies_contexts = smoothing_.implied() && kept_.all();
    next.above = needs.size;
    const LevelShape shape = choose_shape(needs);
    LevelWriter writer(sink_, n, shape);
    numbers.end(), children.end();
    i = 0;
    for (NodeCursor node(levels_[n - 1]); node.more(); node.advance()) {
      if (!kept_[i++]) continue;
      const uint64_t context = numbers.next(), left = kept_.all() ? (*node).children : children.next();
      writer.add(numbers_[(*node).word], count_of(*node, adjusted_), context, left);
    }
    writer.finish();
    index(n, shape);
    kept_.next(std::move(below_kept));
    sink_.begin(section_of("contexts", n), sizeof(float));
    sink_.write(contexts.pairs().data(), contexts.size() * sizeof(StoredWeights));
    put_discounts(n);
    return next;
  }

  LevelNeeds last(LevelNeeds needs) {
    const int n = needs.n;
    uint64_t i = 0;
    for (NodeCursor node(levels_[n - 1]); node.more(); node.advance())
      if (kept_[i++]) needs.counts.add(count_of(*node, adjusted_));
    const LevelShape shape = choose_shape(needs);
    LevelWriter writer(sink_, n, shape);
    i = 0;
    for (NodeCursor node(levels_[n - 1]); node.more(); node.advance())
      if (kept_[i++]) writer.add(numbers_[(*node).word], count_of(*node, adjusted_), 0, 0);
    writer.finish();
    index(n, shape);
    put_discounts(n);
    return {};
  }

  // The words of each range once more, if the level has an index of them.
  void index(int n, const LevelShape& shape) {
    if (!shape.indexed) return;
    WordIndexWriter writer(sink_, section_of("index", n), int(shape.indexed));
    std::vector<Word> words;
    uint64_t i = 0;
    NodeCursor node(levels_[n - 1]);
    for (NodeCursor above(levels_[n - 2]); above.more(); above.advance(), words.clear()) {
      for (uint64_t c = 0; c < (*above).children; c++, node.advance())
        if (kept_[i++]) words.push_back(numbers_[(*node).word]);
      writer.add(words);
    }
  }

  void put_discounts(int n) {
    const ByClass of = smoothing_.discounts(n);
    sink_.put(section_of("discounts", n), array_of(of.data(), of.size()));
  }

  SectionSink& sink_;
  const NodeLevels& levels_;
  bool adjusted_;
  const Smoothing& smoothing_;
  const Estimation& estimation_;
  Selection kept_;  // of the level that is written
  const Workers& workers_;
  std::vector<std::vector<double>> lower_;
  std::vector<Word> numbers_;  // new ones of the words
  Word vocabulary_;
};

}  // namespace

std::vector<CountsOfCounts> counts_of_counts(const NodeLevels& levels, bool adjusted) {
  std::vector<CountsOfCounts> orders;
  for (const NodeLevel& level : levels) {
    CountsOfCounts counts;
    uint64_t i = 0;
    for (NodeCursor node(level); node.more(); node.advance(), i++) {
      const uint64_t count = count_of(*node, adjusted);
      if (count == 0 || (orders.empty() && i == kBegin)) continue;
      counts.of[class_of(count)]++, counts.distinct++, counts.total += count;
    }
    orders.push_back(counts);
  }
  return orders;
}

Vocabulary limited(const Vocabulary& vocabulary, const Estimation& estimation) {
  if (estimation.limit.empty()) return vocabulary;
  std::vector<Word> words;
  for (Word word = 0; word < vocabulary.size(); word++)
    if (estimation.stays(word)) words.push_back(word);
  return Vocabulary(words.size(), [&](Word word) { return vocabulary.text(words[word]); });
}

std::vector<double> unigrams(const NodeLevel& level, const Smoothing& smoothing, bool adjusted,
                             const Estimation& estimation) {
  ContextCounts counts{.order = 1, .vocabulary = double(level.size - 1)};
  double vocabulary = -1;  // without <s>
  Word word = 0;
  for (NodeCursor node(level); node.more(); node.advance(), word++) {
    const uint64_t count = count_of(*node, adjusted);
    vocabulary += estimation.stays(word);
    if (word == kBegin) continue;
    estimation.stays(word) || count == 0 ? counts.add(count) : counts.prune(count);
  }
  counts.lower = counts.distinct / vocabulary;
  const Weights weights = smoothing.weights(counts);
  const double uniform = weights.unseen / std::max(vocabulary, double(estimation.vocabulary_pad));
  const ByClass discounts = smoothing.discounts(1);
  std::vector<double> probabilities;
  word = 0;
  for (NodeCursor node(level); node.more(); node.advance(), word++) {
    const uint64_t count = count_of(*node, adjusted);
    if (!estimation.stays(word)) continue;
    const bool mixed = smoothing.mixes_words() || (count == 0 && smoothing.unseen() == Unseen::kShorter);
    probabilities.push_back(probability_of(discounts, weights, count) +
                            (mixed && estimation.interpolate_words ? uniform : 0));
  }
  if (!estimation.interpolate_words) probabilities[kUnknown] += weights.unseen;
  probabilities[kBegin] = 0;
  return probabilities;
}

std::vector<std::vector<double>> lower_sums(const NodeLevels& levels, const Smoothing& smoothing,
                                            const Workers& workers) {
  MemorySink memory;
  write_trie(memory, levels);
  const Trie trie(memory.finish(), int(levels.size()));
  std::vector<std::vector<double>> sums;
  std::vector<double> probabilities = unigrams(levels[0], smoothing, false);  // of the n-grams of order n
  std::vector<uint64_t> shorter(probabilities.size());  // each without its first word, an order below
  for (int n = 1; n < trie.order(); n++) {
    const uint64_t contexts = trie.size(n);
    std::vector<double> lower(contexts), next_probabilities(trie.size(n + 1));
    std::vector<uint64_t> next_shorter(trie.size(n + 1));
    const ByClass discounts = smoothing.discounts(n + 1);
    constexpr uint64_t kPiece = 1 << 14;
    parallel((contexts + kPiece - 1) / kPiece, workers, [&](size_t piece) {
      for (uint64_t i = piece * kPiece; i < std::min(contexts, (piece + 1) * kPiece); i++) {
        const Range range = trie.children(n, i);
        if (range.size() == 0) continue;
        ContextCounts counts{.order = n + 1, .vocabulary = double(trie.vocabulary() - 1)};
        Range rest = trie.children(n - 1, shorter[i]);
        for (uint64_t c = range.begin; c < range.end; c++) {
          const auto end = trie.find(n, rest, trie.word(n + 1, c));
          if (!end) throw std::invalid_argument("the table lacks the end of one of its n-grams");
          rest.begin = next_shorter[c] = *end;  // both ranges ascend
          counts.add(trie.count(n + 1, c));
          counts.lower += probabilities[*end];
        }
        lower[i] = counts.lower;
        const Weights weights = smoothing.weights(counts);
        const double mixed = smoothing.interpolates() ? weights.unseen : 0;
        for (uint64_t c = range.begin; c < range.end; c++)
          next_probabilities[c] =
              probability_of(discounts, weights, trie.count(n + 1, c)) + mixed * probabilities[next_shorter[c]];
      }
    });
    sums.push_back(std::move(lower));
    probabilities = std::move(next_probabilities), shorter = std::move(next_shorter);
  }
  return sums;
}

void estimate(SectionSink& sink, const NodeLevels& levels, const Estimation& estimation, const Workers& workers) {
  const SmoothingKind& kind = smoothing_kind(estimation.smoothing);
  const auto smoothing = make_smoothing(kind, counts_of_counts(levels, kind.adjusted), estimation.choices);
  check_options(estimation, *smoothing);
  Estimator(sink, levels, kind, *smoothing, estimation, workers).run();
  sink.put("smoothing", array_of(estimation.smoothing));
  const char rules[] = {char(smoothing->unseen()), char(smoothing->interpolates()), char(kind.adjusted)};
  sink.put("rules", array_of(rules, sizeof rules));
  const double absent = smoothing->absent();
  sink.put("absent", array_of(&absent, 1));
  for (const auto& [name, values] : smoothing->parameters()) sink.put("parameter." + name, array_of(values));
}

}  // namespace fastlm::ngram
