// Scores of many words at once, order by order: the words of a piece do not wait for one another.
//
// Whether an n-gram occurs depends on its first n - 1 words and on the last one, so all n-grams of a text are found in
// one pass for each n, in steps: each asks for the memory that the next one reads, for all words of a piece. Of long
// ranges first the slots of their index, then what these point to; of the others the words themselves. Of n-grams of a
// compact level that were found, where they continue, and then what they are worth as contexts.
#pragma once

#include <span>
#include <vector>

#include "model.h"

namespace fastlm::ngram {

class BatchScorer {
 public:
  BatchScorer();

  // For each word log10 P given the words before it in its sentence, and the order of the longest n-gram that occurs.
  // before[i]: how many there are of these, of which order - 1 matter; words in front of all are taken as not there.
  void score(const Model& model, std::span<const Word> words, std::span<const uint8_t> before, float* log10,
             uint8_t* order);

 private:
  static constexpr size_t kPiece = 128;  // words of a piece: what is known of them stays in the nearest caches
  static constexpr size_t kLanes = 8;    // searches that go on side by side

  // What an n-gram is worth as a context of the next word.
  struct Context {
    static constexpr uint64_t kAbsent = ~uint64_t(0) - 1;  // it does not occur
    Range range;
    uint64_t number = kAbsent;
  };
  struct Search {
    Range range;
    Word word;
    uint32_t i;
    float scale;
  };
  struct Probe {  // a search by the index
    Search search;
    uint64_t slot, at;
  };
  struct Hit {  // an n-gram of a compact level that occurs
    uint64_t node;
    uint32_t i;
    bool wide;
    uint64_t at;  // of the number of a wide context
  };

  void score_piece(std::span<const Word> words, const uint8_t* before, float* log10, uint8_t* order);
  void unigrams(std::span<const Word> words, uint8_t* order);
  void contexts(int n, std::span<const Word> words, const uint8_t* before, const uint8_t* order);
  void narrow(const Level& level);
  template <bool kInner>
  void search(const Level& level, int n, uint8_t* order);
  template <bool kInner>
  void probe(const Level& level, int n, uint8_t* order);
  template <bool kInner>
  void found(const Level& level, int n, const Search& search, uint64_t node, uint8_t* order);
  void follow(const Level& level, const Level& next);

  const Model* model_ = nullptr;  // of the call
  bool mixes_ = false;
  std::vector<Context> last_;              // of each order, where the piece before has ended
  std::vector<Context> shorter_, longer_;  // after word i - 1: of the order before, and of this one
  std::vector<Search> searches_, long_;    // long_: of ranges that are narrowed first
  std::vector<Probe> probes_;
  std::vector<Hit> hits_;
  size_t searching_ = 0, narrowing_ = 0, probing_ = 0, hitting_ = 0;  // how many of them
  std::vector<float> p_, known_;
};

// The same by some threads.
void score_all(const Model& model, std::span<const Word> words, std::span<const uint8_t> before, float* log10,
               uint8_t* order, const Workers& workers);

// Words one behind the other, as BatchScorer takes them.
struct ScoredTokens {
  std::vector<Word> words;
  std::vector<uint8_t> before;

  // The begin of a sentence, if it is there: a word of its own, which is not to be scored.
  void begin(bool marked) {
    behind_ = 0;
    if (marked) add(kBegin);
  }
  void add(Word word) {
    words.push_back(word), before.push_back(behind_);
    behind_ += behind_ < kMaxOrder;
  }
  void keep_last(size_t size) {
    words.erase(words.begin(), words.end() - size), before.erase(before.begin(), before.end() - size);
  }

 private:
  uint8_t behind_ = 0;
};

}  // namespace fastlm::ngram
