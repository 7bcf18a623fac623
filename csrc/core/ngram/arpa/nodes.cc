#include "nodes.h"

#include <optional>
#include <stdexcept>
#include <string>

namespace fastlm::ngram::arpa {
namespace {

class Nodes : public NodeSource {
 public:
  Nodes(const Level& level, const Level* next) : order_(level.order), source_(level.open()) {
    if (next) next_.emplace(*next);
  }

  std::span<const Node> next() override {
    const Ngrams block = source_->next();
    nodes_.resize(block.size());
    for (size_t i = 0; i < block.size(); i++) {
      const Word* const words = block.words.data() + i * order_;
      nodes_[i] = {words[order_ - 1], children(words), block.probability[i], block.backoff[i]};
    }
    if (nodes_.empty() && next_ && *next_)
      throw std::invalid_argument("a " + std::to_string(order_ + 1) + "-gram continues none of the " +
                                  std::to_string(order_) + "-grams, or they are not sorted");
    return nodes_;
  }

 private:
  uint64_t children(const Word* words) {
    uint64_t count = 0;
    if (!next_) return count;
    for (; *next_ && std::equal(words, words + order_, next_->words()); next_->advance()) count++;
    return count;
  }

  int order_;
  std::unique_ptr<Source> source_;
  std::optional<Cursor> next_;
  std::vector<Node> nodes_;
};

}  // namespace

std::unique_ptr<NodeSource> open_nodes(const Levels& levels, int n) {
  return std::make_unique<Nodes>(levels.at(n - 1), n < int(levels.size()) ? &levels[n] : nullptr);
}

}  // namespace fastlm::ngram::arpa
