#include "count.h"

#include <atomic>
#include <numeric>
#include <stdexcept>

#include "pieces.h"
#include "ranges.h"

namespace fastlm::ngram {
namespace {

constexpr uint64_t kChunksInMemory = 64 << 20;  // bytes of what is set aside, if there is no limit
constexpr uint64_t kNodesAPlace = 32;           // bytes for the nodes of a place before they are set aside
constexpr uint64_t kLeast = 8 << 20;            // bytes for a batch and its buffers, whatever the corpus

// Places dealt into buckets by one of their words.
template <class Place>
struct Buckets {
  std::vector<uint64_t> begins;  // of each word's bucket
  std::unique_ptr<Place[]> places;

  // word(i), place(i): of the i-th of `size`.
  template <class WordOf, class PlaceOf>
  Buckets(Word words, uint64_t size, WordOf&& word, PlaceOf&& place)
      : begins(size_t(words) + 1), places(std::make_unique_for_overwrite<Place[]>(size)) {
    for (uint64_t i = 0; i < size; i++) begins[word(i) + 1]++;
    std::partial_sum(begins.begin(), begins.end(), begins.begin());
    std::vector<uint64_t> next(begins.begin(), begins.end() - 1);
    for (uint64_t i = 0; i < size; i++) places[next[word(i)]++] = place(i);
  }
};

// How much of the work is done: places that are counted, and adjusted.
class Share {
 public:
  Share(const CountJob& job, uint64_t tokens) : done_(job.done), total_(tokens * (job.adjusted ? 2 : 1)) {}

  void add(uint64_t places) { places_ += places; }  // by any thread
  void tell() const {
    if (done_ && total_) done_(double(places_) / double(total_));
  }

 private:
  const std::function<void(double)>& done_;
  uint64_t total_;
  std::atomic<uint64_t> places_{0};
};

// Sorts and counts the buckets in parallel, as many pieces as keep the workers busy.
// kept(piece, places): what to do with the sorted places of a piece.
template <class Place, class PlaceOf, class Kept>
std::vector<Piece> count_buckets(const Ngrams& ngrams, const Buckets<Place>& buckets, int depth, ChunkStore& store,
                                 SharedLengths* shared, const Workers& workers, Share& share, const PlaceOf& place_of,
                                 Kept&& kept) {
  const auto& begins = buckets.begins;
  const size_t words = begins.size() - 1, pieces = std::min<size_t>(32 * workers.count(), words);
  const auto first_word = [&](size_t piece) {  // so that the pieces have about as many places each
    return piece == pieces ? words
                           : size_t(std::lower_bound(begins.begin(), begins.end() - 1, begins.back() * piece / pieces) -
                                    begins.begin());
  };
  std::vector<Piece> all(pieces);
  parallel(pieces, workers, [&](size_t p) {
    PlaceSorter<Place> sorter(ngrams);
    const size_t first = first_word(p), last = std::max(first, first_word(p + 1));
    for (size_t word = first; word < last; word++)
      sorter.sort(std::span(buckets.places.get() + begins[word], begins[word + 1] - begins[word]), depth);
    const std::span<const Place> places(buckets.places.get() + begins[first], begins[last] - begins[first]);
    all[p] = count_sorted(ngrams, places, store, shared, [&](size_t i) { return place_of(places[i]); });
    kept(all[p], places);
    share.add(places.size());
  });
  return all;
}

// What the first n-gram of each piece shares with the last one of the piece before.
void join(std::vector<Piece>& pieces, SharedLengths* shared) {
  const Piece* before = nullptr;
  for (Piece& piece : pieces) {
    if (piece.places == 0) continue;
    if (before) {
      const auto [a, b] = std::ranges::mismatch(before->last, piece.first);
      piece.shared = int(a - before->last.begin());
      if (shared) shared->set(piece.first_place, piece.shared);
    }
    before = &piece;
  }
}

// All positions at once.
template <class Place>
std::vector<Piece> count_at_once(Tokens& tokens, const CountJob& job, ChunkStore& store, const Workers& workers,
                                 Share& share) {
  SharedLengths lengths;
  if (job.adjusted) lengths = SharedLengths(tokens.size(), job.order);
  SharedLengths* const shared = job.adjusted ? &lengths : nullptr;
  const std::span<const Word> words = tokens.words();
  const Buckets<Place> buckets(
      job.vocabulary, words.size(), [&](uint64_t i) { return words[i]; }, [](uint64_t i) { return Place(i); });
  const Ngrams ngrams(words.data(), job.vocabulary, job.order);
  std::vector<Piece> pieces = count_buckets<Place>(
      ngrams, buckets, 1, store, shared, workers, share, [](Place at) { return uint64_t(at); },
      [](Piece&, std::span<const Place>) {});
  tokens.clear();
  join(pieces, shared);
  if (!shared) return pieces;
  std::vector<uint64_t> begins(pieces.size());
  for (size_t p = 1; p < pieces.size(); p++) begins[p] = begins[p - 1] + pieces[p - 1].places;
  parallel(pieces.size(), workers, [&](size_t p) {
    const Place* const sorted = buckets.places.get() + begins[p];
    const uint64_t size = pieces[p].places;
    adjust_counts(pieces[p], job.order, store, lengths, [=](uint64_t i, const SharedLengths& of) {
      constexpr uint64_t kAhead = 16;
      if (i + kAhead < size) of.prefetch(sorted[i + kAhead]);
      return uint64_t(sorted[i]);
    });
    share.add(size);
  });
  return pieces;
}

// A batch of the corpus: the n-grams of a range, each with the words that it can have.
class Batch {
 public:
  Batch(const Tokens& tokens, const NgramRange& range, int order) : order_(order), depth_(int(range.prefix.size())) {
    rows_.reserve(range.places * order), places_.reserve(range.places);
    tokens.scan(order, [&](const Word* words, uint64_t at, uint64_t size) {
      for (uint64_t i = 0; i < size; i++) {
        if (at + i + depth_ >= tokens.size() || !range.holds(words + i)) continue;
        places_.push_back(at + i);
        const uint64_t left = std::min<uint64_t>(order, tokens.size() - (at + i));
        rows_.insert(rows_.end(), words + i, words + i + left);
        rows_.resize(places_.size() * order, kEnd);
      }
    });
  }

  uint64_t size() const { return places_.size(); }
  const Word* rows() const { return rows_.data(); }
  Word word(uint64_t row) const { return rows_[row * order_ + depth_]; }
  uint64_t place(uint32_t at) const { return places_[at / order_]; }

 private:
  int order_, depth_;
  std::vector<Word> rows_;
  std::vector<uint64_t> places_;
};

std::vector<std::byte> bytes_of(const std::vector<uint64_t>& places) {
  const auto* p = reinterpret_cast<const std::byte*>(places.data());
  return {p, p + places.size() * sizeof(uint64_t)};
}

// Reads places that were set aside.
class PlaceReader {
 public:
  PlaceReader(const ChunkStore& store, const Chunk& chunk) : store_(store), chunk_(chunk) {}

  uint64_t operator()(uint64_t i, const SharedLengths& of) {
    constexpr uint64_t kAhead = 16;
    if (i % kBlock == 0) {
      block_.resize(std::min(kBlock, chunk_.bytes / sizeof(uint64_t) - i));
      store_.read(chunk_, i * sizeof(uint64_t), block_.data(), block_.size() * sizeof(uint64_t));
    }
    if (i % kBlock + kAhead < block_.size()) of.prefetch(block_[i % kBlock + kAhead]);
    return block_[i % kBlock];
  }

 private:
  static constexpr uint64_t kBlock = 1 << 12;
  const ChunkStore& store_;
  Chunk chunk_;
  std::vector<uint64_t> block_;
};

// N-grams that are all the same, without a need to sort.
Piece count_same(const Tokens& tokens, const NgramRange& range, int order, ChunkStore& store, SharedLengths* shared) {
  std::vector<Word> ngram = range.prefix;
  ngram.push_back(range.low);
  const auto word = [&](int n) { return ngram[n]; };
  const int length = int(ngram.size());
  PieceWriter writer(order, shared);
  std::vector<uint64_t> places;
  bool first = true;
  tokens.scan(order, [&](const Word* words, uint64_t at, uint64_t size) {
    for (uint64_t i = 0; i < size; i++) {
      if (at + i + length > tokens.size() || !range.holds(words + i)) continue;
      writer.add(at + i, first ? 0 : length, length, word);
      first = false;
      if (shared) places.push_back(at + i);
    }
  });
  Piece piece = writer.finish(store, length, word);
  piece.sorted = store.add(bytes_of(places));
  return piece;
}

uint64_t bytes_a_place(int order) {  // its row, place, place in the row, key with place, and place set aside
  return order * sizeof(Word) + sizeof(uint64_t) + sizeof(uint32_t) + 16 + sizeof(uint64_t);
}

std::vector<Piece> count_in_batches(Tokens& tokens, const CountJob& job, ChunkStore& store, const Workers& workers,
                                    Share& share) {
  const uint64_t fixed =
      job.vocabulary * 3 * sizeof(uint64_t) + (job.adjusted ? SharedLengths::bytes_for(tokens.size(), job.order) : 0);
  const uint64_t memory = job.memory ? job.memory : ~uint64_t(0);
  if (memory < fixed + kLeast)
    throw std::invalid_argument("memory is too small for this corpus: counting needs at least " +
                                std::to_string((fixed + kLeast) >> 20) + " MB beside its vocabulary, and has " +
                                std::to_string(job.memory >> 20) + " MB");
  SharedLengths lengths;
  if (job.adjusted) lengths = SharedLengths(tokens.size(), job.order);
  SharedLengths* const shared = job.adjusted ? &lengths : nullptr;
  const uint64_t fits = (memory - fixed) / (bytes_a_place(job.order) + kNodesAPlace);
  const uint64_t most = std::min<uint64_t>(job.most_places ? job.most_places : fits, UINT32_MAX / job.order);  // rows
  std::vector<Piece> pieces;
  for (const NgramRange& range : divide(tokens, job.vocabulary, job.order, most)) {
    if (workers.poll) workers.poll();
    if (range.same) {
      pieces.push_back(count_same(tokens, range, job.order, store, shared));
      share.add(pieces.back().places);
      continue;
    }
    const Batch batch(tokens, range, job.order);
    const Ngrams ngrams(batch.rows(), job.vocabulary, job.order);
    const Buckets<uint32_t> buckets(
        range.high - range.low, batch.size(), [&](uint64_t i) { return batch.word(i) - range.low; },
        [&](uint64_t i) { return uint32_t(i * job.order); });
    auto more = count_buckets<uint32_t>(
        ngrams, buckets, int(range.prefix.size()) + 1, store, shared, workers, share,
        [&](uint32_t at) { return batch.place(at); },
        [&](Piece& piece, std::span<const uint32_t> sorted) {
          if (!shared) return;
          std::vector<uint64_t> places;
          places.reserve(sorted.size());
          for (uint32_t at : sorted) places.push_back(batch.place(at));
          piece.sorted = store.add(bytes_of(places));
        });
    std::erase_if(more, [](const Piece& piece) { return piece.places == 0; });
    std::ranges::move(more, std::back_inserter(pieces));
  }
  tokens.clear();
  join(pieces, shared);
  if (shared)
    parallel(pieces.size(), workers, [&](size_t p) {
      PlaceReader places(store, pieces[p].sorted);
      adjust_counts(pieces[p], job.order, store, lengths, places);
      share.add(pieces[p].places);
    });
  return pieces;
}

// What a corpus takes if it is sorted at once.
uint64_t memory_at_once(uint64_t tokens, const CountJob& job) {
  const uint64_t place = tokens <= UINT32_MAX ? sizeof(uint32_t) : sizeof(uint64_t);
  return tokens * place + (job.adjusted ? SharedLengths::bytes_for(tokens, job.order) : 0) + (tokens / 16) * 16 +
         job.vocabulary * 3 * sizeof(uint64_t) + kChunksInMemory;
}

}  // namespace

NodeLevels count_ngrams(Tokens& tokens, const CountJob& job, const Workers& workers, uint64_t* disk) {
  const uint64_t size = tokens.size(), on_disk = tokens.bytes_on_disk();
  const bool at_once =
      tokens.resident() && !job.most_places && (job.memory == 0 || memory_at_once(size, job) <= job.memory);
  const auto store = std::make_shared<ChunkStore>(at_once ? kChunksInMemory : 0, job.temp_dir);
  Share share(job, size);
  const auto poll = [&] {
    if (workers.poll) workers.poll();
    share.tell();
  };
  const Workers telling{workers.threads, poll};
  poll();
  std::vector<Piece> pieces = !at_once             ? count_in_batches(tokens, job, *store, telling, share)
                              : size <= UINT32_MAX ? count_at_once<uint32_t>(tokens, job, *store, telling, share)
                                                   : count_at_once<uint64_t>(tokens, job, *store, telling, share);
  poll();
  if (disk) *disk = on_disk + store->bytes_on_disk();
  return levels_of(std::move(pieces), store, job.vocabulary, job.order);
}

}  // namespace fastlm::ngram
