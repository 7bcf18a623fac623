// Finds words of a vocabulary that does not grow any more: most of them by one place in memory.
#pragma once

#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "../vocabulary.h"
#include "../xxh64.h"

namespace fastlm::ngram::arpa {

class WordTable {
 public:
  explicit WordTable(const GrowingVocabulary& vocabulary)
      : vocabulary_(&vocabulary), slots_(std::bit_ceil(2 * vocabulary.size())) {
    for (size_t i = 0; i < vocabulary.size(); i++) {
      const std::string_view text = vocabulary.text(Word(i));
      size_t at = xxh64(text) & (slots_.size() - 1);
      while (slots_[at].used) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = {Word(i), true, Head(text)};
    }
  }

  std::optional<Word> find(std::string_view text) const {
    const Head head(text);
    for (size_t at = xxh64(text) & (slots_.size() - 1); slots_[at].used; at = (at + 1) & (slots_.size() - 1))
      if (slots_[at].head == head && (text.size() <= Head::kSize || vocabulary_->text(slots_[at].word) == text))
        return slots_[at].word;
    return std::nullopt;
  }

 private:
  // The begin of a word, and its length up to 255: all of a short word.
  struct Head {
    static constexpr size_t kSize = 10;

    Head() = default;
    explicit Head(std::string_view text) : length(uint8_t(std::min<size_t>(text.size(), 255))) {
      std::memcpy(begin, text.data(), std::min(text.size(), kSize));
    }
    bool operator==(const Head& other) const { return std::memcmp(this, &other, sizeof *this) == 0; }

    uint8_t length = 0;
    char begin[kSize] = {};
  };

  struct Slot {
    Word word = 0;
    bool used = false;
    Head head;
  };
  static_assert(sizeof(Slot) == 16);

  const GrowingVocabulary* vocabulary_;
  std::vector<Slot> slots_;  // at most half full
};

}  // namespace fastlm::ngram::arpa
