// Jelinek and Mercer (1980), "Interpolated estimation of Markov source parameters from sparse data", for the mixture;
// Stolcke (2002), "SRILM: an extensible language modeling toolkit", for making one backoff model of it.
#include "merging.h"

#include <cmath>
#include <numeric>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

constexpr double kRounding = 1e-9;  // a part of the probability below it is none
constexpr Word kAbsent = kMaxWord;

using Models = std::vector<std::shared_ptr<const Model>>;
using Nodes = std::vector<std::vector<StoredNode>>;  // by order

// The words of several vocabularies, those of the first one under their numbers.
struct Union {
  explicit Union(const Models& models) {
    for (const auto& model : models) {
      auto& to = to_all.emplace_back();
      const Vocabulary& vocabulary = model->vocabulary();
      for (Word word = 0; word < vocabulary.size(); word++)
        to.push_back(word < kSpecial ? word : words.add(vocabulary.text(word)));
    }
    for (size_t j = 0; j < models.size(); j++) {
      auto& from = from_all.emplace_back(words.size(), kAbsent);
      for (Word word = 0; word < to_all[j].size(); word++) from[to_all[j][word]] = word;
    }
  }

  GrowingVocabulary words;
  std::vector<std::vector<Word>> to_all, from_all;
};

// Walks through the tries of all models at once.
class Merger {
 public:
  Merger(const Models& models, const std::vector<double>& weights, const Workers& workers)
      : models_(models), weights_(weights), workers_(workers), words_(models) {
    for (const auto& model : models) order_ = std::max(order_, model->order());
    nodes_.resize(order_);
    states_.resize(order_ + 1, std::vector<State>(models.size()));
    known_.resize(order_ + 1, std::vector<bool>(models.size(), true));
  }

  Model run() {
    std::vector<Word> all(words_.words.size());
    std::iota(all.begin(), all.end(), 0);
    for (const Word word : all) {
      if (workers_.poll && word % 1024 == 0) workers_.poll();
      visit(1, word);
    }
    Corpus corpus = models_[0]->table().corpus();
    corpus.order = order_;
    for (size_t j = 1; j < models_.size(); j++) {
      const Corpus& other = models_[j]->table().corpus();
      corpus.tokens += other.tokens, corpus.sentences += other.sentences;
      if (other.tokenization != corpus.tokenization) corpus.tokenization.clear();
    }
    const Vocabulary vocabulary(words_.words.size(), [&](Word word) { return words_.words.text(word); });
    const Storing storing{.smoothing = "mixture", .parameters = {{"weight", weights_}}};
    // once without weights of contexts, to find the end of each n-gram
    const Model unweighted = store(corpus, vocabulary, levels(), storing, workers_);
    for (int n = 1; n < order_; n++) weigh(n, unweighted);
    return store(corpus, vocabulary, levels(), storing, workers_);
  }

 private:
  // An n-gram of order n: the one before it on the path, and a word.
  void visit(int n, Word word) {
    double p = 0;
    std::vector<Word> followers;
    for (size_t j = 0; j < models_.size(); j++) {
      const Word known = words_.from_all[j][word], own = known == kAbsent ? kUnknown : known;
      const Score score = models_[j]->score(states_[n - 1][j], own, states_[n][j]);
      known_[n][j] = known_[n - 1][j] && known != kAbsent;
      if (known == kAbsent) continue;
      p += weights_[j] * std::pow(10.0, double(score.log10));
      if (n < order_ && score.order == n && known_[n][j]) add_followers(j, n, followers);
    }
    std::ranges::sort(followers);
    followers.erase(std::unique(followers.begin(), followers.end()), followers.end());
    nodes_[n - 1].push_back({word, float(p), 1, followers.size()});
    for (const Word follower : followers) visit(n + 1, follower);
  }

  // Those of a path that model j lists as a whole.
  void add_followers(size_t j, int n, std::vector<Word>& followers) const {
    const Model& model = *models_[j];
    if (n >= model.order()) return;
    const auto& [node, range, weights] = states_[n][j].at[n - 1];
    for (uint64_t c = range.begin; c < range.end; c++)
      followers.push_back(words_.to_all[j][model.table().trie().word(n + 1, c)]);
  }

  // The weight of each context of n words is the one that makes it sum to 1.
  void weigh(int n, const Model& model) {
    if (ends_.empty()) ends_ = listed(model, workers_);
    uint64_t child = 0;
    for (StoredNode& node : nodes_[n - 1]) {
      double left = 1, room = 1;
      for (const uint64_t end = child + node.children; child < end; child++) {
        left -= nodes_[n][child].probability;
        room -= nodes_[n - 1][ends_[n].shorter[child]].probability;
      }
      if (node.children > 0) node.weight = room > kRounding ? float(std::max(0.0, left) / room) : 0;
    }
  }

  StoredLevels levels() const {
    StoredLevels levels;
    for (const auto& nodes : nodes_)
      levels.push_back({nodes.size(), [&nodes](const auto& visit) {
                          for (const StoredNode& node : nodes) visit(node);
                        }});
    return levels;
  }

  const Models& models_;
  const std::vector<double>& weights_;
  const Workers& workers_;
  Union words_;
  int order_ = 0;
  Nodes nodes_;
  std::vector<std::vector<State>> states_;  // by words of the path: of each model
  std::vector<std::vector<bool>> known_;    // whether it knows them all
  std::vector<ListedLevel> ends_;
};

}  // namespace

Model merge(const Models& models, const std::vector<double>& weights, const Workers& workers) {
  if (models.empty() || models.size() != weights.size())
    throw std::invalid_argument("expected a weight for each of the models, got " + std::to_string(weights.size()) +
                                " for " + std::to_string(models.size()));
  for (const auto& model : models)
    if (storing_of(*model).absent != 1)
      throw std::invalid_argument("mixing needs smoothings whose probabilities sum to 1, got '" + model->smoothing() +
                                  "'");
  return Merger(models, weights, workers).run();
}

}  // namespace fastlm::ngram
