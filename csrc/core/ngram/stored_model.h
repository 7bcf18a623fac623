// Models that keep probabilities instead of counts: those that were read, pruned, mixed or quantised.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model.h"

namespace fastlm::ngram {

struct StoredNode {
  Word word;          // its last one
  float probability;  // of it after the others; of the word <s>: 0
  float weight;       // of the shorter context, for what does not follow the n-gram
  uint64_t children;  // n-grams of the next level that continue it
};

// The n-grams of one order, sorted as the trie is. Every begin and every end of an n-gram must be there as well. Level
// 1 has a node for each word of the vocabulary.
struct StoredLevel {
  uint64_t size;
  std::function<void(const std::function<void(const StoredNode&)>& visit)> each;  // may be called more than once
};

using StoredLevels = std::vector<StoredLevel>;

struct Storing {
  static constexpr int kLeastBits = 2, kMostBits = 24;

  std::string smoothing;  // what the model calls its own
  Parameters parameters = {};
  double absent = 1;  // weight of a context that is not there
  int bits = 0;       // of each probability and each weight; 0: as they are
  Layout layout = Layout::kFast;
};

// Words alone and their weights are never quantised. Throws std::invalid_argument for bits that are neither 0 nor
// between the least and the most.
Model store(const Corpus& corpus, const Vocabulary& vocabulary, const StoredLevels& levels, const Storing& storing,
            const Workers& workers = {});

// A few numbers for many: as many bins as there are codes, with the same number of values each. What a bin stands for
// is the mean of its logarithms. 0 and 1 stand for themselves alone, and so do all values if they are few.
class Codebook {
 public:
  Codebook(std::vector<float> values, int bits);

  const std::vector<float>& centres() const { return centres_; }  // ascending
  uint64_t code(float value) const;                               // of the nearest centre, by logarithms

 private:
  std::vector<float> centres_;
};

// Every n-gram of a model with its probability, level by level.
struct ListedLevel {
  std::vector<float> probabilities;
  std::vector<uint64_t> shorter;  // of each n-gram that without its first word, in the level above
};

// Throws std::invalid_argument if the model does not back off to shorter contexts.
std::vector<ListedLevel> listed(const Model& model, const Workers& workers);

// The same model with its probabilities in place of its counts.
Model quantize(const Model& model, int bits, const Workers& workers = {});

// How a model that was made of another one is stored.
Storing storing_of(const Model& model);

}  // namespace fastlm::ngram
