#include "model.h"

#include <cmath>

#include "nodes.h"

namespace fastlm::ngram::arpa {
namespace {

constexpr float kLeast = -37;  // log10 of what is not 0

float from_log10(float x) { return std::pow(10.0f, std::isinf(x) ? x : std::max(x, kLeast)); }

// N-grams of one order of a model.
class ModelSource : public Source {
 public:
  ModelSource(const ngram::Model& model, int n, std::shared_ptr<const std::vector<ListedLevel>> probabilities)
      : model_(model), n_(n), probabilities_(std::move(probabilities)) {}

  Ngrams next() override {
    const Trie& trie = model_.table().trie();
    const uint64_t end = std::min(begin_ + kBlock, trie.size(n_));
    words_.resize((end - begin_) * n_), probability_.clear(), backoff_.clear();
    trie.copy_words(n_, begin_, end, words_.data());
    for (; begin_ < end; begin_++) {
      probability_.push_back(std::log10((*probabilities_)[n_ - 1].probabilities[begin_]));
      const bool highest = n_ == trie.order();
      backoff_.push_back(highest ? 0 : std::log10(model_.weights(n_, begin_).unseen));
    }
    return {words_, probability_, backoff_};
  }

 private:
  static constexpr uint64_t kBlock = 1 << 14;

  const ngram::Model& model_;
  int n_;
  std::shared_ptr<const std::vector<ListedLevel>> probabilities_;
  uint64_t begin_ = 0;
  std::vector<Word> words_;
  std::vector<float> probability_, backoff_;
};

}  // namespace

ngram::Model model_of(const Model& read, int bits, Layout layout, const Workers& workers) {
  StoredLevels levels;
  for (int n = 1; n <= read.order(); n++)
    levels.push_back(
        {read.levels[n - 1].size, [&read, n](const std::function<void(const StoredNode&)>& visit) {
           const auto source = open_nodes(read.levels, n);
           for (auto nodes = source->next(); !nodes.empty(); nodes = source->next())
             for (const Node& node : nodes) {
               const bool begin = n == 1 && node.word == kBegin;
               visit({node.word, begin ? 0 : from_log10(node.probability), from_log10(node.backoff), node.children});
             }
         }});
  Storing storing;
  storing.smoothing = "arpa", storing.bits = bits, storing.layout = layout;
  const Vocabulary vocabulary(read.vocabulary->size(), [&](Word word) { return read.vocabulary->text(word); });
  return store({read.order(), 0, 0}, vocabulary, levels, storing, workers);
}

Levels levels_of(const ngram::Model& model, const Workers& workers) {
  const auto probabilities = std::make_shared<const std::vector<ListedLevel>>(listed(model, workers));
  Levels levels;
  for (int n = 1; n <= model.order(); n++)
    levels.push_back({n, model.table().trie().size(n),
                      [&model, n, probabilities] { return std::make_unique<ModelSource>(model, n, probabilities); }});
  return levels;
}

}  // namespace fastlm::ngram::arpa
