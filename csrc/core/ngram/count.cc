#include "count.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>

namespace fastlm::ngram {
namespace {

// The n-gram at a position: as long as the order, or to the end of the sentence.
class Ngrams {
 public:
  Ngrams(std::span<const Word> corpus, Word vocabulary, int order)
      : corpus_(corpus.data()), order_(order), bits_(std::bit_width(uint64_t(vocabulary))) {}

  int order() const { return order_; }
  int words_in_key() const { return 64 / bits_; }

  int length(uint64_t position) const {
    int n = 1;
    while (n < order_ && corpus_[position + n - 1] != kEnd) n++;
    return n;
  }

  int common_length(uint64_t a, uint64_t b) const {
    int n = 0;
    while (n < order_ && corpus_[a + n] == corpus_[b + n]) {
      n++;
      if (corpus_[a + n - 1] == kEnd) break;
    }
    return n;
  }

  Word word(uint64_t position, int n) const { return corpus_[position + n]; }

  // Asks for the words of a later one of the positions, which lie all over the corpus.
  template <class Position>
  void prefetch(std::span<const Position> positions, size_t i) const {
    constexpr size_t kAhead = 16;
    if (i + kAhead < positions.size()) __builtin_prefetch(corpus_ + positions[i + kAhead]);
  }

  // Words [depth, depth + words_in_key) of the n-gram in one number that sorts as they do; zeros behind its end.
  uint64_t key(uint64_t position, int depth) const {
    uint64_t key = 0;
    const int end = std::min(order_, depth + words_in_key());
    int n = depth;
    for (bool open = true; n < end && open; n++) {
      const Word word = corpus_[position + n];
      key = key << bits_ | word;
      open = word != kEnd;
    }
    return key << bits_ * (end - n);
  }

  // Whether the words that the key of a depth takes in reach the end of the n-gram.
  bool key_reaches_end(uint64_t position, int depth) const { return depth + words_in_key() >= length(position); }

 private:
  const Word* corpus_;
  int order_, bits_;
};

template <class Position>
struct Keyed {
  uint64_t key;
  Position position;
};

// Sorts positions by their n-grams, which agree in the first `depth` words.
template <class Position>
void sort_ngrams(const Ngrams& ngrams, std::span<Position> positions, int depth,
                 std::vector<Keyed<Position>>& scratch) {
  if (positions.size() < 2 || depth >= ngrams.order()) return;
  scratch.resize(positions.size());
  for (size_t i = 0; i < positions.size(); i++) {
    ngrams.prefetch<Position>(positions, i);
    scratch[i] = {ngrams.key(positions[i], depth), positions[i]};
  }
  std::sort(scratch.begin(), scratch.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  std::vector<size_t> open;  // [begin, end) of positions that the key does not tell apart
  for (size_t i = 0; i < positions.size();) {
    size_t end = i + 1;
    while (end < positions.size() && scratch[end].key == scratch[i].key) end++;
    if (end - i > 1 && !ngrams.key_reaches_end(scratch[i].position, depth)) open.insert(open.end(), {i, end});
    i = end;
  }
  for (size_t i = 0; i < positions.size(); i++) positions[i] = scratch[i].position;
  for (size_t i = 0; i < open.size(); i += 2)
    sort_ngrams(ngrams, positions.subspan(open[i], open[i + 1] - open[i]), depth + ngrams.words_in_key(), scratch);
}

// A level of a part of the trie: of the n-grams that begin with some neighbouring words.
struct Part {
  std::vector<Word> words;
  std::vector<uint64_t> counts, children;
};

template <class Position>
std::vector<Part> count_sorted(const Ngrams& ngrams, std::span<const Position> positions) {
  const int order = ngrams.order();
  std::vector<Part> levels(order);
  for (size_t i = 0; i < positions.size(); i++) {
    ngrams.prefetch(positions, i);
    const int common = i ? ngrams.common_length(positions[i - 1], positions[i]) : 0;
    const int length = ngrams.length(positions[i]);
    for (int n = 0; n < common; n++) levels[n].counts.back()++;
    for (int n = common; n < length; n++) {
      levels[n].words.push_back(ngrams.word(positions[i], n));
      levels[n].counts.push_back(1);
      if (n + 1 < order) levels[n].children.push_back(levels[n + 1].words.size());
    }
  }
  return levels;
}

using Parts = std::vector<std::vector<Part>>;

// One part behind the other; level 1 gets a node for every word.
class PartSource : public NodeSource {
 public:
  PartSource(std::shared_ptr<const Parts> parts, int n, Word vocabulary)
      : parts_(std::move(parts)), n_(n), vocabulary_(vocabulary) {}

  std::span<const Node> next() override {
    nodes_.clear();
    while (nodes_.empty() && part_ < parts_->size()) {
      const std::vector<Part>& levels = (*parts_)[part_++];
      const Part& part = levels[n_ - 1];
      const size_t size = part.words.size();
      for (size_t i = 0; i < size; i++) {
        uint64_t children = 0;
        if (!part.children.empty())
          children = (i + 1 < size ? part.children[i + 1] : levels[n_].words.size()) - part.children[i];
        fill(part.words[i]);
        nodes_.push_back({part.words[i], part.counts[i], part.counts[i], children});
      }
      seen_ += size;
    }
    if (nodes_.empty()) fill(vocabulary_);
    return nodes_;
  }

 private:
  void fill(Word end) {  // words that do not occur
    if (n_ > 1) return;
    while (word_ < end) nodes_.push_back({word_++, 0, 0, 0});
    word_ = end + 1;
  }

  std::shared_ptr<const Parts> parts_;
  int n_;
  Word vocabulary_, word_ = 0;
  size_t part_ = 0, seen_ = 0;
  std::vector<Node> nodes_;
};

NodeLevels levels_of(Parts parts, Word vocabulary, int order) {
  const auto shared = std::make_shared<const Parts>(std::move(parts));
  NodeLevels levels;
  for (int n = 1; n <= order; n++) {
    uint64_t size = n == 1 ? vocabulary : 0;
    for (const auto& part : *shared) size += n > 1 ? part[n - 1].words.size() : 0;
    levels.push_back({size, [=] { return std::make_unique<PartSource>(shared, n, vocabulary); }});
  }
  return levels;
}

template <class Position>
NodeLevels count_positions(std::span<const Word> corpus, Word vocabulary, int order, const Workers& workers) {
  std::vector<uint64_t> begins(size_t(vocabulary) + 1);  // of the bucket of each word
  for (Word word : corpus) begins[word + 1]++;
  std::partial_sum(begins.begin(), begins.end(), begins.begin());
  const auto positions = std::make_unique_for_overwrite<Position[]>(corpus.size());
  {
    std::vector<uint64_t> next(begins.begin(), begins.end() - 1);
    for (size_t i = 0; i < corpus.size(); i++) positions[next[corpus[i]]++] = i;
  }
  const size_t pieces = 32 * workers.count();
  const auto first_word = [&](size_t piece) {  // so that the pieces have about as many positions each
    return std::lower_bound(begins.begin(), begins.end() - 1, corpus.size() * piece / pieces) - begins.begin();
  };
  const Ngrams ngrams(corpus, vocabulary, order);
  std::vector<std::vector<Part>> parts(pieces);
  parallel(pieces, workers, [&](size_t piece) {
    const auto first = first_word(piece), last = piece + 1 < pieces ? first_word(piece + 1) : vocabulary;
    std::vector<Keyed<Position>> scratch;
    for (auto word = first; word < last; word++)
      if (Word(word) != kEnd)
        sort_ngrams(ngrams, std::span(positions.get() + begins[word], begins[word + 1] - begins[word]), 1, scratch);
    parts[piece] =
        count_sorted(ngrams, std::span<const Position>(positions.get() + begins[first], begins[last] - begins[first]));
  });
  return levels_of(std::move(parts), vocabulary, order);
}

}  // namespace

NodeLevels count_ngrams(std::span<const Word> corpus, Word vocabulary, int order, const Workers& workers) {
  return corpus.size() <= UINT32_MAX ? count_positions<uint32_t>(corpus, vocabulary, order, workers)
                                     : count_positions<uint64_t>(corpus, vocabulary, order, workers);
}

}  // namespace fastlm::ngram
