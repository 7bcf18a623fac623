#include "vocabulary.h"

#include <bit>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

constexpr size_t kLeastSlots = 16;

// The slot of a word in a table of a power of two slots, or the empty one where it belongs; npos if there is none.
template <class Slots, class Text>
size_t slot_of(const Slots& slots, std::string_view word, uint64_t hash, const Text& text) {
  const size_t mask = slots.size() - 1;
  size_t slot = hash & mask;
  for (size_t tries = 0; tries <= mask; tries++, slot = (slot + 1) & mask)
    if (slots[slot] == 0 || text(Word(slots[slot] - 1)) == word) return slot;
  return std::string_view::npos;
}

template <class Slots, class Text>
size_t slot_of(const Slots& slots, std::string_view word, const Text& text) {
  return slot_of(slots, word, xxh64(word), text);
}

}  // namespace

GrowingVocabulary::GrowingVocabulary() : slots_(kLeastSlots) {
  for (const char* word : kSpecialWords) add(word);
}

std::optional<Word> GrowingVocabulary::find(std::string_view word) const {
  const Word found = slots_[slot_of(slots_, word, [&](Word w) { return text(w); })];
  return found ? std::optional(found - 1) : std::nullopt;
}

Word GrowingVocabulary::add(std::string_view word) {
  const size_t slot = slot_of(slots_, word, [&](Word w) { return text(w); });
  if (slots_[slot]) return slots_[slot] - 1;
  if (size() == kMaxWord) throw std::length_error("the vocabulary has more than 2^32 - 1 words");
  characters_ += word;
  ends_.push_back(characters_.size());
  slots_[slot] = size();
  if (2 * size() > slots_.size()) grow();
  return size() - 1;
}

void GrowingVocabulary::grow() {
  slots_.assign(2 * slots_.size(), 0);
  for (Word word = 0; word < size(); word++)
    slots_[slot_of(slots_, text(word), [&](Word w) { return text(w); })] = word + 1;
}

Vocabulary::Vocabulary(size_t size, const std::function<std::string_view(Word)>& text) {
  std::string characters;
  std::vector<size_t> ends;
  std::vector<Word> slots(std::bit_ceil(std::max(kLeastSlots, 2 * size)));
  for (Word word = 0; word < size; word++) {
    characters += text(word);
    ends.push_back(characters.size());
    slots[slot_of(slots, text(word), text)] = word + 1;
  }
  arrays_ = {array_of(characters), packed(ends), packed(slots)};
}

Word Vocabulary::find(std::string_view word, uint64_t hash) const {
  const size_t slot = slot_of(arrays_.slots, word, hash, [&](Word w) { return text(w); });
  const uint64_t found = slot == std::string_view::npos ? 0 : arrays_.slots[slot];
  return found ? Word(found - 1) : kUnknown;
}

std::optional<std::string> Vocabulary::fault() const {
  const auto& [characters, ends, slots] = arrays_;
  if (size() < kSpecial || size() > kMaxWord) return "the vocabulary has no special words";
  uint64_t last = 0;
  for (size_t i = 0; i < size(); i++) {
    if (ends[i] < last) return "the words of the vocabulary overlap";
    last = ends[i];
  }
  if (last != characters.size()) return "the words of the vocabulary do not fill their place";
  for (Word word = 0; word < kSpecial; word++)
    if (text(word) != kSpecialWords[word]) return "the vocabulary does not begin with the special words";
  if (!std::has_single_bit(slots.size())) return "the hash table of the vocabulary has a wrong size";
  for (size_t i = 0; i < slots.size(); i++)
    if (slots[i] > size()) return "the hash table of the vocabulary points outside";
  return std::nullopt;
}

}  // namespace fastlm::ngram
