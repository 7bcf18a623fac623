#include "order.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <numeric>

#include "../../prefetch.h"

namespace fastlm::ngram::suffix {
namespace {

template <class Position>
struct Keyed {
  uint64_t key;
  Position position;
  bool operator<(const Keyed& other) const { return key != other.key ? key < other.key : position < other.position; }
};

// [begin, end) of the order: positions that are not told apart yet.
template <class Position>
struct Group {
  Position begin, end;
};

// Positions come in ascending order, and so do equal ones leave.
template <class Position>
void sort_keyed(std::span<Keyed<Position>> items) {
  if (std::is_sorted(items.begin(), items.end())) return;  // as it often is in repeated text
  uint64_t common = 0;  // Boyer & Moore's vote: the key of more than half of them, if there is one
  size_t votes = 0;
  for (const auto& item : items) {
    if (votes == 0) common = item.key;
    votes += item.key == common ? 1 : -1;
  }
  if (votes == 0) return std::sort(items.begin(), items.end());
  // One word a million times: most are equal in most rounds, and need no sort.
  const auto equal = std::stable_partition(items.begin(), items.end(), [&](auto item) { return item.key < common; });
  const auto greater = std::stable_partition(equal, items.end(), [&](auto item) { return item.key == common; });
  std::sort(items.begin(), equal);
  std::sort(greater, items.end());
}

// Sorts the positions of a group by their keys, equal ones as they come; then each(run) for those of the same key.
template <class Position, class Key, class Each>
void sort_by(Position* order, Group<Position> group, std::vector<Keyed<Position>>& scratch, Key&& key, Each&& each) {
  const size_t size = group.end - group.begin;
  Position* const positions = order + group.begin;
  scratch.resize(size);
  for (size_t i = 0; i < size; i++) scratch[i] = {key(positions, size, i), positions[i]};
  sort_keyed<Position>(scratch);
  for (size_t i = 0; i < size; i++) positions[i] = scratch[i].position;
  for (size_t begin = 0, end; begin < size; begin = end) {
    for (end = begin + 1; end < size && scratch[end].key == scratch[begin].key;) end++;
    each(Group<Position>{Position(group.begin + begin), Position(group.begin + end)});
  }
}

// Sorts by the words themselves. One for each thread.
template <class Position>
class WordSorter {
 public:
  WordSorter(const Word* corpus, int bits, Position* order) : corpus_(corpus), bits_(bits), order_(order) {}

  static int words_in_key(int bits) { return 64 / bits; }

  // Positions that agree in the first `depth` words.
  void sort(Group<Position> group, int depth) {
    if (group.end - group.begin < 2) return;
    if (depth >= kSortedWords) {
      open_.push_back(group);
      return;
    }
    std::vector<Group<Position>> rest;
    sort_by(
        order_, group, scratch_,
        [&](const Position* positions, size_t size, size_t i) {
          constexpr size_t kAhead = 16;
          if (i + kAhead < size) fastlm::prefetch(corpus_ + positions[i + kAhead] + depth);
          return key(positions[i], depth);
        },
        [&](Group<Position> run) {
          if (run.end - run.begin > 1 && !ends(order_[run.begin], depth)) rest.push_back(run);
        });
    for (const auto& run : rest) sort(run, depth + words_in_key(bits_));
  }

  std::vector<Group<Position>>& open() { return open_; }

 private:
  // Words from depth on in one number that sorts as they do; zeros behind the end of the document.
  uint64_t key(Position position, int depth) const {
    const Word* word = corpus_ + position + depth;
    uint64_t key = 0;
    int left = words_in_key(bits_);
    for (bool open = true; open && left > 0; left--, word++) {
      key = key << bits_ | *word;
      open = *word != kEnd;
    }
    return key << bits_ * left;
  }

  // Whether the words that the key of a depth takes in reach the end of the document.
  bool ends(Position position, int depth) const {
    const Word* word = corpus_ + position + depth;
    for (int n = 0; n < words_in_key(bits_); n++)
      if (word[n] == kEnd) return true;
    return false;
  }

  const Word* corpus_;
  int bits_;
  Position* order_;
  std::vector<Keyed<Position>> scratch_;
  std::vector<Group<Position>> open_;
};

// Sorts groups that agree in the first `words` words by the rank of what stands behind these.
//
// A group takes the ranks that others have got in the same round. With those that stand later in the corpus first, as
// here, documents that come twice are sorted in one round, from their ends to their begins.
template <class Position>
void sort_by_ranks(std::span<Position> order, std::vector<Group<Position>> open, uint64_t words,
                   const Workers& workers) {
  if (open.empty()) return;
  const auto ranks = std::make_unique_for_overwrite<Position[]>(order.size());
  for (size_t i = 0; i < order.size(); i++) ranks[order[i]] = i;
  const auto set_rank = [&](Group<Position> group) {
    for (auto i = group.begin; i < group.end; i++) ranks[order[i]] = group.begin;
  };
  for (const auto& group : open) set_rank(group);
  std::vector<Group<Position>> rest;
  std::vector<Keyed<Position>> scratch;
  for (; !open.empty(); words *= 2, open.swap(rest), rest.clear()) {
    std::sort(open.begin(), open.end(), [&](auto a, auto b) { return order[a.begin] > order[b.begin]; });
    constexpr size_t kGroupsBetweenPolls = 1 << 14;
    for (size_t i = 0; i < open.size(); i++) {
      if (i % kGroupsBetweenPolls == 0 && workers.poll) workers.poll();
      sort_by(
          order.data(), open[i], scratch,
          [&](const Position* positions, size_t, size_t at) { return uint64_t(ranks[positions[at] + words]); },
          [&](Group<Position> run) {
            set_rank(run);
            if (run.end - run.begin > 1) rest.push_back(run);
          });
    }
  }
}

template <class Position>
Order sort_positions(std::span<const Word> corpus, Word vocabulary, const Workers& workers) {
  std::vector<uint64_t> firsts(size_t(vocabulary) + 1);
  for (Word word : corpus) firsts[word + 1]++;
  std::partial_sum(firsts.begin(), firsts.end(), firsts.begin());
  const auto order = std::make_unique_for_overwrite<Position[]>(corpus.size());
  {
    std::vector<uint64_t> next(firsts.begin(), firsts.end() - 1);
    for (size_t i = 0; i < corpus.size(); i++) order[next[corpus[i]]++] = i;
  }
  const size_t pieces = 32 * workers.count();
  const auto first_word = [&](size_t piece) {  // so that the pieces have about as many positions each
    return piece < pieces ? Word(std::lower_bound(firsts.begin(), firsts.end() - 1, corpus.size() * piece / pieces) -
                                 firsts.begin())
                          : vocabulary;
  };
  const int bits = std::bit_width(uint64_t(vocabulary));
  std::vector<std::vector<Group<Position>>> open(pieces);
  parallel(pieces, workers, [&](size_t piece) {
    WordSorter<Position> sorter(corpus.data(), bits, order.get());
    for (Word word = first_word(piece); word < first_word(piece + 1); word++)
      if (word != kEnd) sorter.sort({Position(firsts[word]), Position(firsts[word + 1])}, 1);
    open[piece] = std::move(sorter.open());
  });
  const int words_in_key = WordSorter<Position>::words_in_key(bits);
  const int sorted_words = 1 + (kSortedWords - 1 + words_in_key - 1) / words_in_key * words_in_key;
  std::vector<Group<Position>> groups;
  for (auto& piece : open) {
    groups.insert(groups.end(), piece.begin(), piece.end());
    piece = {};
  }
  sort_by_ranks<Position>({order.get(), corpus.size()}, std::move(groups), sorted_words, workers);
  ArrayWriter positions(corpus.size(), corpus.size());
  for (size_t i = 0; i < corpus.size(); i++) positions.set(i, order[i]);
  return {std::move(positions).finish(), packed(firsts)};
}

}  // namespace

Order sort_suffixes(std::span<const Word> corpus, Word vocabulary, const Workers& workers) {
  return corpus.size() <= UINT32_MAX ? sort_positions<uint32_t>(corpus, vocabulary, workers)
                                     : sort_positions<uint64_t>(corpus, vocabulary, workers);
}

}  // namespace fastlm::ngram::suffix
