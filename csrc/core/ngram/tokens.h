// The corpus as numbers: sentences one behind the other, each kBegin, its words, kEnd. In memory up to a limit, then in
// a temporary file.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <vector>

#include "chunks.h"
#include "word.h"

namespace fastlm::ngram {

// Words that grow without a copy: large blocks of memory are moved by the system.
class WordBuffer {
 public:
  WordBuffer() = default;
  WordBuffer(WordBuffer&& other) noexcept { *this = std::move(other); }
  WordBuffer& operator=(WordBuffer&& other) noexcept {
    std::swap(words_, other.words_), std::swap(size_, other.size_), std::swap(capacity_, other.capacity_);
    return *this;
  }
  ~WordBuffer() { std::free(words_); }

  void push_back(Word word) {
    if (size_ == capacity_) grow(std::max<size_t>(1024, capacity_ + capacity_ / 4));
    words_[size_++] = word;
  }
  size_t size() const { return size_; }
  Word* data() const { return words_; }
  void clear() { size_ = 0; }

 private:
  void grow(size_t capacity) {
    void* const grown = std::realloc(words_, capacity * sizeof(Word));
    if (!grown) throw std::bad_alloc();
    words_ = static_cast<Word*>(grown), capacity_ = capacity;
  }

  Word* words_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

class Tokens {
 public:
  // memory: bytes that it may take; 0: any.
  Tokens(uint64_t memory, std::string folder)
      : most_(memory ? std::max<uint64_t>(memory / sizeof(Word), kBlock) : 0), folder_(std::move(folder)) {}

  void push_back(Word word) {
    kept_.push_back(word);
    if (most_ && kept_.size() >= most_) spill();
  }
  uint64_t size() const { return spilled_ + kept_.size(); }
  bool resident() const { return spilled_ == 0; }
  uint64_t bytes_on_disk() const { return spilled_ * sizeof(Word); }

  // All of them, each renamed.
  void rename(std::vector<Word> names) {
    names_ = std::move(names);
    if (resident())
      for (size_t i = 0; i < kept_.size(); i++) kept_.data()[i] = names_[kept_.data()[i]];
  }
  // Those from `at` on, before they are renamed.
  void read(uint64_t at, std::span<Word> words) const {
    const uint64_t on_disk = at < spilled_ ? std::min<uint64_t>(words.size(), spilled_ - at) : 0;
    if (on_disk) file_->read(words.data(), on_disk * sizeof(Word), at * sizeof(Word));
    std::copy_n(kept_.data() + (at + on_disk - spilled_), words.size() - on_disk, words.data() + on_disk);
  }
  std::span<const Word> words() const { return {kept_.data(), kept_.size()}; }  // only if resident

  // Calls seen(words, position of the first, how many may be looked at from) for one stretch after the other, which
  // overlap: behind the last of them that is looked at from, `ahead` more words can be seen, unless the corpus ends.
  template <class Seen>
  void scan(int ahead, Seen&& seen) const;

  void clear() { *this = Tokens(0, folder_); }

 private:
  static constexpr uint64_t kBlock = 1 << 18;

  void spill() {
    if (!file_) file_ = std::make_unique<TemporaryFile>(folder_);
    file_->write(kept_.data(), kept_.size() * sizeof(Word), spilled_ * sizeof(Word));
    spilled_ += kept_.size();
    most_ = kBlock;  // no need for more any longer
    kept_ = WordBuffer();
  }

  uint64_t most_, spilled_ = 0;
  std::string folder_;
  WordBuffer kept_;
  std::vector<Word> names_;
  std::unique_ptr<TemporaryFile> file_;
};

template <class Seen>
void Tokens::scan(int ahead, Seen&& seen) const {
  if (resident()) return seen(static_cast<const Word*>(kept_.data()), uint64_t(0), uint64_t(kept_.size()));
  std::vector<Word> block(kBlock + ahead);
  for (uint64_t at = 0; at < size(); at += kBlock) {
    const uint64_t end = std::min(size(), at + kBlock + ahead), on_disk = std::min(end, spilled_);
    if (at < on_disk) file_->read(block.data(), (on_disk - at) * sizeof(Word), at * sizeof(Word));
    for (uint64_t i = std::max(at, on_disk); i < end; i++) block[i - at] = kept_.data()[i - spilled_];
    if (!names_.empty())
      for (uint64_t i = 0; i < end - at; i++) block[i] = names_[block[i]];
    seen(static_cast<const Word*>(block.data()), at, std::min(kBlock, size() - at));
  }
}

}  // namespace fastlm::ngram
