// Sorting places of a text by the words that stand there.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "../prefetch.h"
#include "word.h"

namespace fastlm::ngram {

// The n-gram at a place: as long as the order, or to the end of the sentence.
class Ngrams {
 public:
  Ngrams(const Word* text, Word vocabulary, int order)
      : text_(text), order_(order), bits_(std::bit_width(uint64_t(vocabulary))) {}

  int order() const { return order_; }
  int words_in_key() const { return 64 / bits_; }
  Word word(uint64_t at, int n) const { return text_[at + n]; }

  int length(uint64_t at) const {
    int n = 1;
    while (n < order_ && text_[at + n - 1] != kEnd) n++;
    return n;
  }
  int common_length(uint64_t a, uint64_t b) const {
    int n = 0;
    while (n < order_ && text_[a + n] == text_[b + n]) {
      n++;
      if (text_[a + n - 1] == kEnd) break;
    }
    return n;
  }

  // Asks for the words of a later one of the places, which lie all over the text.
  template <class Place>
  void prefetch(std::span<const Place> places, size_t i) const {
    constexpr size_t kAhead = 16;
    if (i + kAhead < places.size()) fastlm::prefetch(text_ + places[i + kAhead]);
  }

  // Words [depth, depth + words_in_key) of the n-gram in one number that sorts as they do; zeros behind its end.
  uint64_t key(uint64_t at, int depth) const {
    uint64_t key = 0;
    const int end = std::min(order_, depth + words_in_key());
    int n = depth;
    for (bool open = true; n < end && open; n++) {
      const Word word = text_[at + n];
      key = key << bits_ | word;
      open = word != kEnd;
    }
    return key << bits_ * (end - n);
  }
  // Whether the words that the key of a depth takes in reach the end of the n-gram.
  bool key_reaches_end(uint64_t at, int depth) const { return depth + words_in_key() >= length(at); }
  int key_bits(int depth) const { return bits_ * (std::min(order_, depth + words_in_key()) - depth); }

 private:
  const Word* text_;
  int order_, bits_;
};

// Sorts places by their n-grams, which agree in the first words.
template <class Place>
class PlaceSorter {
 public:
  explicit PlaceSorter(const Ngrams& ngrams) : ngrams_(ngrams) {}

  void sort(std::span<Place> places, int depth) {
    if (places.size() < 2 || depth >= ngrams_.order()) return;
    if (keyed_.size() < places.size()) keyed_.resize(places.size());
    for (size_t i = 0; i < places.size(); i++) {
      ngrams_.prefetch<Place>(places, i);
      keyed_[i] = {ngrams_.key(places[i], depth), places[i]};
    }
    const std::span keyed(keyed_.data(), places.size());
    radix_sort(keyed, ngrams_.key_bits(depth));
    std::vector<size_t> open;  // [begin, end) of places that the key does not tell apart
    for (size_t i = 0; i < keyed.size();) {
      size_t end = i + 1;
      while (end < keyed.size() && keyed[end].key == keyed[i].key) end++;
      if (end - i > 1 && !ngrams_.key_reaches_end(keyed[i].place, depth)) open.insert(open.end(), {i, end});
      i = end;
    }
    for (size_t i = 0; i < places.size(); i++) places[i] = keyed[i].place;
    for (size_t i = 0; i < open.size(); i += 2)
      sort(places.subspan(open[i], open[i + 1] - open[i]), depth + ngrams_.words_in_key());
  }

 private:
  struct Keyed {
    uint64_t key;
    Place place;
  };

  // By the highest 8 bits in place (American flag sort, McIlroy et al. 1993), then each bucket by the next ones.
  static void radix_sort(std::span<Keyed> keyed, int bits) {
    constexpr size_t kSmall = 256;
    if (keyed.size() <= kSmall || bits <= 0) {
      std::sort(keyed.begin(), keyed.end(), [](const Keyed& a, const Keyed& b) { return a.key < b.key; });
      return;
    }
    const int shift = std::max(0, bits - 8);
    size_t begins[257] = {}, next[256];
    for (const Keyed& k : keyed) begins[(k.key >> shift & 255) + 1]++;
    for (int b = 0; b < 256; b++) begins[b + 1] += begins[b], next[b] = begins[b];
    for (int b = 0; b < 256; b++)
      while (next[b] < begins[b + 1]) {
        const int home = int(keyed[next[b]].key >> shift & 255);
        if (home == b)
          next[b]++;
        else
          std::swap(keyed[next[b]], keyed[next[home]++]);
      }
    if (shift > 0)
      for (int b = 0; b < 256; b++)
        if (begins[b + 1] - begins[b] > 1) radix_sort(keyed.subspan(begins[b], begins[b + 1] - begins[b]), shift);
  }

  const Ngrams& ngrams_;
  std::vector<Keyed> keyed_;
};

}  // namespace fastlm::ngram
