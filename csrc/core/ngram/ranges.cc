#include "ranges.h"

namespace fastlm::ngram {
namespace {

class Divider {
 public:
  Divider(const Tokens& tokens, Word vocabulary, int order, uint64_t most)
      : tokens_(tokens), vocabulary_(vocabulary), order_(order), most_(most) {}

  void divide(std::vector<Word> prefix) {
    const std::vector<uint64_t> counts = next_words(prefix);
    Word low = 0;
    uint64_t places = 0;
    const auto flush = [&](Word high) {
      if (places > 0) ranges.push_back({prefix, low, high, places, false});
      low = high, places = 0;
    };
    for (Word word = 0; word < vocabulary_; word++) {
      if (places + counts[word] > most_) flush(word);
      if (counts[word] <= most_) {
        places += counts[word];
        continue;
      }
      if (word == kEnd || int(prefix.size()) + 1 == order_) {
        ranges.push_back({prefix, word, word + 1, counts[word], true});
      } else {
        std::vector<Word> longer = prefix;
        longer.push_back(word);
        divide(std::move(longer));
      }
      low = word + 1;
    }
    flush(vocabulary_);
  }

  std::vector<NgramRange> ranges;

 private:
  // How often each word follows these words.
  std::vector<uint64_t> next_words(const std::vector<Word>& prefix) const {
    const NgramRange all{prefix, 0, vocabulary_, 0, false};
    std::vector<uint64_t> counts(vocabulary_);
    tokens_.scan(order_, [&](const Word* words, uint64_t at, uint64_t size) {
      // a prefix ends before the sentence does, and so before the corpus: what is compared is there
      for (uint64_t i = 0; i < size; i++)
        if (at + i + prefix.size() < tokens_.size() && all.holds(words + i)) counts[words[i + prefix.size()]]++;
    });
    return counts;
  }

  const Tokens& tokens_;
  Word vocabulary_;
  int order_;
  uint64_t most_;
};

}  // namespace

std::vector<NgramRange> divide(const Tokens& tokens, Word vocabulary, int order, uint64_t most_places) {
  Divider divider(tokens, vocabulary, order, most_places);
  divider.divide({});
  return std::move(divider.ranges);
}

}  // namespace fastlm::ngram
