// Counts of the n-grams at some places that follow each other when sorted: written as they are found, read as nodes.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "../prefetch.h"
#include "chunks.h"
#include "nodes.h"
#include "positions.h"

namespace fastlm::ngram {

// For each place of the corpus, how many words its n-gram shares with the one before it when sorted; a byte or half of
// one each. Several threads may write, each other places.
class SharedLengths {
 public:
  SharedLengths() = default;
  SharedLengths(uint64_t places, int order) : half_(fits_half(order)), bytes_(half_ ? places / 2 + 1 : places) {}

  static bool fits_half(int order) { return order < 16; }
  static uint64_t bytes_for(uint64_t places, int order) { return fits_half(order) ? places / 2 + 1 : places; }

  void set(uint64_t place, int length) {
    if (half_)
      std::atomic_ref(bytes_[place / 2]).fetch_or(uint8_t(length << place % 2 * 4), std::memory_order_relaxed);
    else
      bytes_[place] = uint8_t(length);
  }
  int operator[](uint64_t place) const { return half_ ? bytes_[place / 2] >> place % 2 * 4 & 15 : bytes_[place]; }
  void prefetch(uint64_t place) const { fastlm::prefetch(bytes_.data() + (half_ ? place / 2 : place)); }

 private:
  bool half_ = true;
  std::vector<uint8_t> bytes_;
};

struct Piece {
  uint64_t places = 0, first_place = 0;
  uint64_t begun = 0, begun_end = 0;   // which of them begin with <s>
  std::vector<Word> first, last;       // its first and last n-gram
  int shared = 0;                      // words of the first one that the last one of the piece before has too
  std::vector<uint64_t> sizes;         // nodes of each level
  std::vector<Chunk> nodes, adjusted;  // of each level
  Chunk walk;                          // of each place: words shared with the one before, and its length
  Chunk sorted;                        // the places, if they are not kept elsewhere
};

// Writes the nodes of sorted places. place_of(i): where in the corpus the i-th one is.
// shared: gets what each place but the first shares with the one before; nullptr: only counts are wanted.
template <class Place, class PlaceOf>
Piece count_sorted(const Ngrams& ngrams, std::span<const Place> places, ChunkStore& store, SharedLengths* shared,
                   PlaceOf&& place_of);

// The adjusted counts of a piece, once all places have what they share. (n + 1)-grams that stand at the place before
// are counted once for each different one: at the first of them when sorted, which shares n words or fewer.
template <class PlaceOf>
void adjust_counts(Piece& piece, int order, ChunkStore& store, const SharedLengths& shared, PlaceOf&& place_of);

// The nodes of all pieces.
NodeLevels levels_of(std::vector<Piece> pieces, std::shared_ptr<const ChunkStore> store, Word vocabulary, int order);

// --- how ---

// Nodes that are still open: the path to the n-gram at the current place.
class OpenNodes {
 public:
  explicit OpenNodes(int order) : nodes_(order), bytes_(order), sizes_(order) {}

  // The next n-gram has `common` words of the one before and `length` in all; word(n): its n-th one.
  template <class WordOf>
  void advance(int common, int length, WordOf&& word) {
    close(common);
    for (int n = 0; n < common; n++) nodes_[n].count++;
    for (int n = common; n < length; n++) {
      nodes_[n] = {word(n), 1, 0, 0};
      if (n > 0) nodes_[n - 1].children++;
    }
    open_ = length;
  }
  void close(int common) {
    for (int n = common; n < open_; n++) {
      put_varint(bytes_[n], nodes_[n].word);
      put_varint(bytes_[n], nodes_[n].count);
      if (n + 1 < int(nodes_.size())) put_varint(bytes_[n], nodes_[n].children);
      sizes_[n]++;
    }
    open_ = std::min(open_, common);
  }
  const std::vector<std::vector<std::byte>>& bytes() const { return bytes_; }
  const std::vector<uint64_t>& sizes() const { return sizes_; }

 private:
  std::vector<Node> nodes_;
  std::vector<std::vector<std::byte>> bytes_;
  std::vector<uint64_t> sizes_;
  int open_ = 0;
};

// What each place has in a walk through a piece: a byte, or two for orders that need them.
class Walk {
 public:
  struct Step {
    int common, length;
  };

  static void put(std::vector<std::byte>& bytes, int order, Step step) {
    if (SharedLengths::fits_half(order)) {
      bytes.push_back(std::byte(step.common << 4 | step.length));
    } else {
      bytes.push_back(std::byte(step.common)), bytes.push_back(std::byte(step.length));
    }
  }

  Walk(const ChunkStore& store, const Chunk& chunk, int order)
      : reader_(store, chunk), half_(SharedLengths::fits_half(order)) {}
  Step next() {
    reader_.more();
    const int byte = int(reader_.next());
    return half_ ? Step{byte >> 4, byte & 15} : Step{byte, int(reader_.next())};
  }

 private:
  ChunkReader reader_;
  bool half_;
};

// Takes places in their order.
class PieceWriter {
 public:
  PieceWriter(int order, SharedLengths* shared) : order_(order), shared_(shared), open_(order) {}

  // One of the corpus, whose n-gram has so many words, and shares some with the one before; word(n): its n-th one.
  template <class WordOf>
  void add(uint64_t place, int common, int length, WordOf&& word) {
    open_.advance(common, length, word);
    if (piece_.places == 0) piece_.first_place = place, piece_.first = ngram(length, word);
    if (word(0) == kBegin) {
      if (piece_.begun_end == 0) piece_.begun = piece_.places;
      piece_.begun_end = piece_.places + 1;
    }
    if (shared_) {
      if (piece_.places > 0) shared_->set(place, common);
      Walk::put(walk_, order_, {common, length});
    }
    piece_.places++;
  }

  // word, length: of the last n-gram.
  template <class WordOf>
  Piece finish(ChunkStore& store, int length, WordOf&& word) {
    piece_.last = ngram(length, word);
    open_.close(0);
    for (const auto& bytes : open_.bytes()) piece_.nodes.push_back(store.add(bytes));
    piece_.sizes = open_.sizes(), piece_.walk = store.add(walk_);
    return std::move(piece_);
  }

 private:
  template <class WordOf>
  static std::vector<Word> ngram(int length, WordOf&& word) {
    std::vector<Word> words;
    for (int n = 0; n < length; n++) words.push_back(word(n));
    return words;
  }

  int order_;
  SharedLengths* shared_;
  OpenNodes open_;
  Piece piece_;
  std::vector<std::byte> walk_;
};

template <class Place, class PlaceOf>
Piece count_sorted(const Ngrams& ngrams, std::span<const Place> places, ChunkStore& store, SharedLengths* shared,
                   PlaceOf&& place_of) {
  if (places.empty()) return {};
  PieceWriter writer(ngrams.order(), shared);
  for (size_t i = 0; i < places.size(); i++) {
    ngrams.prefetch(places, i);
    const Place at = places[i];
    const int common = i ? ngrams.common_length(places[i - 1], at) : 0;
    writer.add(place_of(i), common, ngrams.length(at), [&](int n) { return ngrams.word(at, n); });
  }
  return writer.finish(store, ngrams.length(places.back()), [&](int n) { return ngrams.word(places.back(), n); });
}

template <class PlaceOf>
void adjust_counts(Piece& piece, int order, ChunkStore& store, const SharedLengths& shared, PlaceOf&& place_of) {
  if (piece.places == 0) return;
  std::vector<uint64_t> open(order);
  std::vector<std::vector<std::byte>> bytes(order);
  Walk walk(store, piece.walk, order);
  int before = 0;
  for (uint64_t i = 0; i < piece.places; i++) {
    const auto [common, length] = walk.next();
    for (int n = common; n < before; n++) put_varint(bytes[n], open[n]), open[n] = 0;
    before = length;
    const uint64_t place = place_of(i, shared);
    const int left = i >= piece.begun && i < piece.begun_end ? 0 : shared[place - 1];
    for (int n = std::max(1, left); n <= length; n++) open[n - 1]++;
  }
  for (int n = 0; n < before; n++) put_varint(bytes[n], open[n]);
  for (int n = 0; n + 1 < order; n++) piece.adjusted.push_back(store.add(bytes[n]));
}

}  // namespace fastlm::ngram
