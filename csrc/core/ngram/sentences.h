// The words of a sentence as numbers: split and looked up many at a time.
#pragma once

#include <array>
#include <string_view>

#include "vocabulary.h"

namespace fastlm::ngram {

// Calls word(std::string_view) for what stands between ASCII white space.
template <class Word>
void split(std::string_view text, Word&& word) {
  static constexpr std::array<bool, 256> kSpaces = [] {
    std::array<bool, 256> spaces{};
    for (char c : {' ', '\t', '\n', '\v', '\f', '\r'}) spaces[uint8_t(c)] = true;
    return spaces;
  }();
  const char *p = text.data(), *const end = p + text.size();
  while (true) {
    while (p < end && kSpaces[uint8_t(*p)]) p++;
    if (p == end) return;
    const char* const begin = p;
    while (p < end && !kSpaces[uint8_t(*p)]) p++;
    word(std::string_view(begin, p - begin));
  }
}

// Looks up words; the memory of some is on its way while others are compared.
class Lookup {
 public:
  explicit Lookup(const Vocabulary& vocabulary) : vocabulary_(vocabulary) {}

  // Calls found(Word) for this word or earlier ones, in the order of their coming; the rest comes with finish().
  template <class Found>
  void add(std::string_view text, Found&& found) {
    waiting_[size_] = {text, vocabulary_.prepare(text)};
    if (++size_ == kWaiting) finish(found);
  }
  template <class Found>
  void finish(Found&& found) {
    for (size_t i = 0; i < size_; i++) found(vocabulary_.find(waiting_[i].text, waiting_[i].hash));
    size_ = 0;
  }

 private:
  static constexpr size_t kWaiting = 32;
  struct Waiting {
    std::string_view text;
    uint64_t hash;
  };

  const Vocabulary& vocabulary_;
  std::array<Waiting, kWaiting> waiting_;
  size_t size_ = 0;
};

}  // namespace fastlm::ngram
