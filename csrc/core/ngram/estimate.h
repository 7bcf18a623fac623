// From counts to a model: what every context does with its counts, by a smoothing.
#pragma once

#include <vector>

#include "parallel.h"
#include "smoothing.h"
#include "trie.h"
#include "vocabulary.h"

namespace fastlm::ngram {

struct Estimation {
  std::string smoothing = "modified-kneser-ney";
  Choices choices = {};
  // For each order, the last one for the rest: n-grams that occur so often or less are left out of the model. They are
  // counted before, as in KenLM.
  std::vector<uint64_t> prune = {};
  Layout layout = Layout::kFast;
  // By word, whether it stays; empty: all do. N-grams with another one are left out, after they have been counted. The
  // special words stay.
  std::vector<bool> limit = {};
  // Of smoothings that interpolate: whether words alone are mixed with the uniform distribution. If not, <unk> has what
  // their discounts free, as in SRILM.
  bool interpolate_words = true;
  uint64_t vocabulary_pad = 0;  // the uniform distribution is one of so many words at least
  std::string temp_dir = {};    // for what is set aside; empty: $TMPDIR, or /tmp

  bool stays(Word word) const { return limit.empty() || word < kSpecial || limit[word]; }
};

// Writes the sections of a model (model.h) but those of its vocabulary.
void estimate(SectionSink& sink, const NodeLevels& levels, const Estimation& estimation, const Workers& workers);

// The words that stay, under new numbers in the old order.
Vocabulary limited(const Vocabulary& vocabulary, const Estimation& estimation);

std::vector<CountsOfCounts> counts_of_counts(const NodeLevels& levels, bool adjusted);

// For each order and context, the sum of what its words have after the shorter context: [order - 1][size of level].
std::vector<std::vector<double>> lower_sums(const NodeLevels& levels, const Smoothing& smoothing,
                                            const Workers& workers);

// P(word) without a context, of the words that stay; <s>, which is never foretold, has none.
std::vector<double> unigrams(const NodeLevel& level, const Smoothing& smoothing, bool adjusted,
                             const Estimation& estimation = {});

inline uint64_t count_of(const Node& node, bool adjusted) { return adjusted ? node.adjusted : node.count; }

// One node after the other.
class NodeCursor {
 public:
  explicit NodeCursor(const NodeLevel& level) : source_(level.open()), nodes_(source_->next()) {}

  bool more() const { return i_ < nodes_.size(); }
  const Node& operator*() const { return nodes_[i_]; }
  void advance() {
    if (++i_ < nodes_.size()) return;
    nodes_ = source_->next(), i_ = 0;
  }

 private:
  std::unique_ptr<NodeSource> source_;
  std::span<const Node> nodes_;
  size_t i_ = 0;
};

}  // namespace fastlm::ngram
