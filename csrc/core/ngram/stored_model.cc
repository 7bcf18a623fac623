#include "stored_model.h"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace fastlm::ngram {
namespace {

// Writes the levels of a model; the size of each follows from those beside it.
class Writer {
 public:
  Writer(SectionSink& sink, const StoredLevels& levels, const Storing& storing, const Workers& workers)
      : sink_(sink), levels_(levels), storing_(storing), workers_(workers) {}

  void run() {
    for (int n = 1; n <= order(); n++) {
      if (workers_.poll) workers_.poll();
      level(n);
    }
  }

 private:
  int order() const { return int(levels_.size()); }

  void level(int n) {
    const StoredLevel& level = levels_[n - 1];
    LevelNeeds needs;
    needs.n = n, needs.size = level.size, needs.vocabulary = Word(levels_[0].size), needs.layout = storing_.layout;
    if (n > 1) needs.above = levels_[n - 2].size;
    if (n < order()) needs.next = levels_[n].size;
    needs.ranges = std::exchange(below_, {}), needs.indexed = true;
    const std::vector<uint32_t> ranges = std::exchange(children_, {});
    needs.counts.add(0);

    std::vector<float> probabilities, weights;
    uint64_t children = 0;
    level.each([&](const StoredNode& node) {
      probabilities.push_back(node.probability);
      if (n < order() && node.children > 0 && quantises(n)) weights.push_back(node.weight);
      below_.add(node.children), children += node.children;
      if (n < order()) children_.push_back(uint32_t(node.children));
    });
    if (probabilities.size() != level.size || children != needs.next)
      throw std::invalid_argument("the n-grams of order " + std::to_string(n) +
                                  " do not match their number, or those that continue them");
    put_probabilities(n, std::move(probabilities));
    const LevelShape shape = n < order() ? inner(needs, weights) : last(needs);
    if (shape.indexed) index(n, shape, ranges);
  }

  LevelShape inner(LevelNeeds needs, const std::vector<float>& weights) {
    const int n = needs.n;
    const Codebook codebook(weights, quantises(n) ? storing_.bits : Storing::kMostBits);
    ContextNumbers contexts;
    std::vector<uint32_t> numbers;
    numbers.reserve(needs.size);
    levels_[n - 1].each([&](const StoredNode& node) {
      float weight = node.children > 0 ? node.weight : float(storing_.absent);
      if (quantises(n) && node.children > 0) weight = codebook.centres()[codebook.code(weight)];
      numbers.push_back(contexts.number({0, weight}));
    });
    needs.contexts = contexts.size();
    const LevelShape shape = choose_shape(needs);
    LevelWriter writer(sink_, n, shape);
    size_t i = 0;
    levels_[n - 1].each([&](const StoredNode& node) { writer.add(node.word, 0, numbers[i++], node.children); });
    writer.finish();
    sink_.begin(section_of("contexts", n), sizeof(float));
    sink_.write(contexts.pairs().data(), contexts.size() * sizeof(StoredWeights));
    return shape;
  }

  LevelShape last(const LevelNeeds& needs) {
    const LevelShape shape = choose_shape(needs);
    LevelWriter writer(sink_, needs.n, shape);
    levels_[needs.n - 1].each([&](const StoredNode& node) { writer.add(node.word, 0, 0, 0); });
    writer.finish();
    return shape;
  }

  void index(int n, const LevelShape& shape, const std::vector<uint32_t>& ranges) {
    WordIndexWriter writer(sink_, section_of("index", n), int(shape.indexed));
    std::vector<Word> words;
    auto range = ranges.begin();
    levels_[n - 1].each([&](const StoredNode& node) {
      while (*range == 0) range++;
      words.push_back(node.word);
      if (words.size() == *range) writer.add(words), words.clear(), range++;
    });
  }

  void put_probabilities(int n, std::vector<float> probabilities) {
    if (n == 1) probabilities[kBegin] = 0;
    if (!quantises(n)) return sink_.put(n == 1 ? "unigrams" : section_of("values", n), array_of(probabilities));
    const Codebook codebook(probabilities, storing_.bits);
    ArrayWriter codes(probabilities.size(), codebook.centres().size() - 1);
    for (size_t i = 0; i < probabilities.size(); i++) codes.set(i, codebook.code(probabilities[i]));
    sink_.put(section_of("values", n), std::move(codes).finish());
    sink_.put(section_of("codebook", n), array_of(codebook.centres()));
  }

  bool quantises(int n) const { return storing_.bits > 0 && n > 1; }

  SectionSink& sink_;
  const StoredLevels& levels_;
  const Storing& storing_;
  const Workers& workers_;
  RangeSizes below_;                // of the level that comes next
  std::vector<uint32_t> children_;  // of each n-gram of this one
};

}  // namespace

Model store(const Corpus& corpus, const Vocabulary& vocabulary, const StoredLevels& levels, const Storing& storing,
            const Workers& workers) {
  if (storing.bits != 0 && (storing.bits < Storing::kLeastBits || storing.bits > Storing::kMostBits))
    throw std::invalid_argument("bits must be between " + std::to_string(Storing::kLeastBits) + " and " +
                                std::to_string(Storing::kMostBits) + ", got " + std::to_string(storing.bits));
  MemorySink sink;
  put_corpus(sink, corpus, vocabulary);
  Writer(sink, levels, storing, workers).run();
  sink.put("smoothing", array_of(storing.smoothing));
  const char rules[] = {char(Unseen::kShorter), 0, 0};
  sink.put("rules", array_of(rules, sizeof rules));
  sink.put("absent", array_of(&storing.absent, 1));
  for (const auto& [name, values] : storing.parameters) sink.put("parameter." + name, array_of(values));
  return Model(sink.finish());
}

Codebook::Codebook(std::vector<float> values, int bits) {
  std::ranges::sort(values);
  std::vector<float> different;
  std::ranges::unique_copy(values, std::back_inserter(different));
  const size_t most = size_t(1) << bits;
  if (different.size() <= most) {
    centres_ = different.empty() ? std::vector<float>{0} : std::move(different);
    return;
  }
  const auto alone = [](float value) { return value == 0 || value == 1; };
  for (const float value : {0.0f, 1.0f})
    if (std::ranges::binary_search(values, value)) centres_.push_back(value);
  std::erase_if(values, alone);
  const size_t bins = most - centres_.size();
  for (size_t bin = 0; bin < bins; bin++) {
    const size_t begin = bin * values.size() / bins, end = (bin + 1) * values.size() / bins;
    double sum = 0;
    for (size_t i = begin; i < end; i++) sum += std::log(double(values[i]));
    if (end > begin) centres_.push_back(float(std::exp(sum / double(end - begin))));
  }
  std::ranges::sort(centres_);
  centres_.erase(std::unique(centres_.begin(), centres_.end()), centres_.end());
}

uint64_t Codebook::code(float value) const {
  const size_t above = std::ranges::lower_bound(centres_, value) - centres_.begin();
  if (above == centres_.size()) return above - 1;
  if (above == 0 || centres_[above] == value) return above;
  // nearer by the logarithm: below the geometric mean; 0 is far from everything
  const double mean = std::sqrt(double(centres_[above - 1]) * double(centres_[above]));
  return value < mean ? above - 1 : above;
}

std::vector<ListedLevel> listed(const Model& model, const Workers& workers) {
  if (model.unseen() != Unseen::kShorter)
    throw std::invalid_argument("the smoothing '" + model.smoothing() +
                                "' does not back off to shorter contexts, so that its probabilities cannot be kept");
  const Trie& trie = model.table().trie();
  std::vector<ListedLevel> levels(1);
  for (Word word = 0; word < trie.vocabulary(); word++) levels[0].probabilities.push_back(model.unigram(word));
  levels[0].shorter.assign(trie.vocabulary(), 0);
  for (int n = 1; n < trie.order(); n++) {
    const ListedLevel& above = levels[n - 1];
    ListedLevel next{std::vector<float>(trie.size(n + 1)), std::vector<uint64_t>(trie.size(n + 1))};
    const uint64_t contexts = trie.size(n);
    constexpr uint64_t kPiece = 1 << 14;
    parallel((contexts + kPiece - 1) / kPiece, workers, [&](size_t piece) {
      for (uint64_t i = piece * kPiece; i < std::min(contexts, (piece + 1) * kPiece); i++) {
        const Range range = trie.children(n, i);
        Range rest = trie.children(n - 1, above.shorter[i]);
        const StoredWeights weights = model.weights(n, i);
        for (uint64_t c = range.begin; c < range.end; c++) {
          const auto end = trie.find(n, rest, trie.word(n + 1, c));
          if (!end) throw std::invalid_argument("the model lacks the end of one of its n-grams");
          rest.begin = next.shorter[c] = *end;  // both ranges ascend
          next.probabilities[c] = model.probability(n + 1, c, weights, above.probabilities[*end]);
        }
      }
    });
    levels.push_back(std::move(next));
  }
  return levels;
}

Storing storing_of(const Model& model) {
  const Array absent = find_section(model.table().sections(), "absent");
  return {.smoothing = model.smoothing(),
          .parameters = model.parameters(),
          .absent = absent.size() == 1 ? absent.as<double>(0) : 1};
}

Model quantize(const Model& model, int bits, const Workers& workers) {
  const Trie& trie = model.table().trie();
  const std::vector<ListedLevel> probabilities = listed(model, workers);
  StoredLevels levels;
  for (int n = 1; n <= trie.order(); n++)
    levels.push_back(
        {trie.size(n), [&, n](const auto& visit) {
           for (uint64_t i = 0; i < trie.size(n); i++) {
             const float weight = n < trie.order() ? model.weights(n, i).unseen : 1;
             visit({trie.word(n, i), probabilities[n - 1].probabilities[i], weight, trie.children(n, i).size()});
           }
         }});
  Storing storing = storing_of(model);
  storing.bits = bits;
  return store(model.table().corpus(), model.vocabulary(), levels, storing, workers);
}

}  // namespace fastlm::ngram
