// Words and their numbers: a table that grows while a text is read, and one that lies in a file.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../prefetch.h"
#include "array.h"
#include "word.h"
#include "xxh64.h"

namespace fastlm::ngram {

// Grows. Numbers words in the order of their coming, after the special ones.
class GrowingVocabulary {
 public:
  GrowingVocabulary();

  size_t size() const { return ends_.size(); }
  size_t bytes() const {
    return characters_.capacity() + ends_.capacity() * sizeof(size_t) + slots_.capacity() * sizeof(Word);
  }
  std::string_view text(Word word) const {
    const size_t begin = word ? ends_[word - 1] : 0;
    return std::string_view(characters_).substr(begin, ends_[word] - begin);
  }
  std::optional<Word> find(std::string_view text) const;
  Word add(std::string_view text);  // or the number that it has

 private:
  void grow();

  std::string characters_;
  std::vector<size_t> ends_;
  std::vector<Word> slots_;  // word + 1, or 0; open addressing, at most half full
};

// Does not change. Three arrays of a file.
class Vocabulary {
 public:
  struct Arrays {
    Array characters, ends, slots;
  };

  Vocabulary() = default;
  explicit Vocabulary(Arrays arrays) : arrays_(std::move(arrays)) {}
  // texts(i): word i, the special ones first.
  Vocabulary(size_t size, const std::function<std::string_view(Word)>& text);

  size_t size() const { return arrays_.ends.size(); }
  std::string_view text(Word word) const {
    const size_t begin = word ? arrays_.ends[word - 1] : 0;
    return arrays_.characters.text().substr(begin, arrays_.ends[word] - begin);
  }
  Word find(std::string_view text) const { return find(text, xxh64(text)); }  // kUnknown if it is not there
  Word find(std::string_view text, uint64_t hash) const;
  // The hash of a word that find() will be asked for, whose memory is on its way then.
  uint64_t prepare(std::string_view text) const {
    const uint64_t hash = xxh64(text);
    fastlm::prefetch(arrays_.slots.data() + (hash & (arrays_.slots.size() - 1)) * arrays_.slots.width());
    return hash;
  }
  const Arrays& arrays() const { return arrays_; }
  // What is wrong with arrays that came from a file, or nothing.
  std::optional<std::string> fault() const;

 private:
  Arrays arrays_;
};

}  // namespace fastlm::ngram
