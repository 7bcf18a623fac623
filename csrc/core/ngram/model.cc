#include "model.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "clones.h"
#include "log10.h"
#include "trie_nodes.h"

namespace fastlm::ngram {
namespace {

constexpr std::string_view kParameter = "parameter.";

}  // namespace

bool Model::owns(std::string_view section) {
  for (const char* name : {"smoothing", "rules", "absent", "unigrams"})
    if (section == name) return true;
  for (const char* prefix : {"parameter.", "discounts.", "contexts.", "values.", "codebook."})
    if (section.starts_with(prefix)) return true;
  return false;
}

Model::Model(Sections sections) : table_(std::move(sections)) {
  const Sections& all = table_.sections();
  smoothing_ = find_section(all, "smoothing").text();
  const Array rules = find_section(all, "rules"), absent = find_section(all, "absent");
  unseen_ = rules.size() > 0 ? Unseen(std::min<uint64_t>(rules[0], uint64_t(Unseen::kShorter))) : Unseen::kNothing;
  interpolates_ = rules.size() > 1 && rules[1];
  adjusted_ = rules.size() > 2 && rules[2];
  absent_ = absent.size() == 1 && absent.width() == sizeof(double) ? float(absent.as<double>(0)) : 1;
  for (const auto& [name, array] : all)
    if (name.starts_with(kParameter) && array.width() == sizeof(double))
      for (size_t i = 0; i < array.size(); i++)
        parameters_[name.substr(kParameter.size())].push_back(array.as<double>(i));
  for (int n = 1; n <= order(); n++) {
    Order& of = orders_.emplace_back();
    const Array discounts = find_section(all, section_of("discounts", n));
    for (int c = 0; c < kClasses && discounts.width() == sizeof(double) && c < int(discounts.size()); c++)
      of.discounts[c] = float(of.exact[c] = discounts.as<double>(c));
    of.contexts = find_section(all, section_of("contexts", n));
    of.values = find_section(all, section_of("values", n));
    of.codebook = find_section(all, section_of("codebook", n));
  }
  unigrams_ = find_section(all, "unigrams");
  ranks_ = std::make_shared<Ranks>();
  forgets_ = unseen_ == Unseen::kShorter && absent_ == 1;
  keeps_probabilities_ = all.contains(section_of("values", order())) && order() > 1;
}

std::optional<std::string> Model::fault(bool whole) const {
  if (auto fault = table_.fault(whole)) return fault;
  const auto is_weight = [](float x) { return std::isfinite(x) && std::abs(x) < 1e30f; };
  const auto is_probability = [](float p) { return p >= 0 && p < 1.001f; };
  if (unigrams_.width() != sizeof(float) || unigrams_.size() != vocabulary().size()) return "has no probabilities";
  for (size_t i = 0; whole && i < unigrams_.size(); i++)
    if (!is_probability(unigrams_.as<float>(i))) return "has probabilities that are none";
  for (int n = 2; keeps_probabilities_ && n <= order(); n++) {
    const auto& [exact, discounts, contexts, values, codebook] = orders_[n - 1];
    const Array& floats = values.width() == sizeof(float) ? values : codebook;
    const std::string where = " of order " + std::to_string(n);
    if (values.size() != table_.trie().size(n) || floats.width() != sizeof(float))
      return "has probabilities that do not match the n-grams" + where;
    for (size_t i = 0; whole && i < floats.size(); i++)
      if (!is_probability(floats.as<float>(i))) return "has probabilities that are none" + where;
    for (size_t i = 0; whole && i < values.size() && &floats == &codebook; i++)
      if (values[i] >= codebook.size()) return "lacks some probabilities" + where;
  }
  for (int n = 1; n < order(); n++) {
    const Array& contexts = orders_[n - 1].contexts;
    const std::string where = " of order " + std::to_string(n);
    if (contexts.width() != sizeof(float) || contexts.size() < 2) return "has no weights for the contexts" + where;
    for (size_t i = 0; whole && i < contexts.size(); i++)
      if (!is_weight(contexts.as<float>(i))) return "has weights that are none for the contexts" + where;
    const Level& level = table_.trie().level(n);
    for (uint64_t i = 0; whole && i < level.size(); i++)
      if (const uint64_t c = level.context(i); c != Level::kImplied && c >= contexts.size() / 2)
        return "lacks the weights of some contexts" + where;
  }
  return std::nullopt;
}

StoredWeights Model::implied_weights(int n, const Range& children) const {
  const auto& discounts = orders_[n].exact;
  ByClass words{};
  double total = 0, freed = 0;
  for (uint64_t c = children.begin; c < children.end; c++) {
    const uint64_t count = table_.trie().count(n + 1, c);
    total += double(count), words[class_of(count)]++;
  }
  for (int c = 1; c < kClasses; c++) freed += discounts[c] * words[c];
  return {float(1 / total), float(freed / total)};
}

int Model::find_ends(const State& before, Word word, uint64_t* nodes) const {
  const Trie& trie = table_.trie();
  const auto index = [&](int n) -> const WordIndex& { return trie.level(n + 1).index(); };
  const auto after = [&](int n) { return before.at[n - 1].children; };
  uint64_t slots[kMaxOrder];
  nodes[0] = word;
  // The orders do not wait for one another: all slots are on their way first, then all records.
  for (int n = 1; n <= before.length; n++)
    if (index(n).holds(after(n))) index(n).prefetch(slots[n] = WordIndex::home(after(n), word));
  int most = 0;  // words of the contexts after which the word may be: a longer n-gram occurs only if its ends do
  for (int n = 1; n <= before.length && after(n).size() > 0; most = n++) {
    const Level& level = trie.level(n + 1);
    if (!index(n).holds(after(n))) {
      nodes[n] = level.last_not_above(after(n), word);
      continue;
    }
    nodes[n] = index(n).next(after(n), word, slots[n]);
    if (nodes[n] == after(n).end) break;
    level.prefetch_records(nodes[n], nodes[n] + 1);
  }
  for (int n = 1; n <= most; n++) {
    const auto is_there = [&] { return trie.level(n + 1).word_of(nodes[n]) == word; };
    while (!is_there()) {
      if (!index(n).holds(after(n))) return n;
      nodes[n] = index(n).next(after(n), word, slots[n]);
      if (nodes[n] == after(n).end) return n;
    }
  }
  return most + 1;
}

FASTLM_CLONED Score Model::score(const State& before, Word word, State& after) const {
  const Trie& trie = table_.trie();
  const int highest = trie.order();
  uint64_t nodes[kMaxOrder];
  const int order = find_ends(before, word, nodes);
  float p = unigrams_.as<float>(word);
  if (highest > 1) {
    const Level::Entry entry = trie.level(1).entry_without_count(word);
    after.at[0] = {word, entry.children, weights(1, entry.context, entry.children)};
    trie.level(2).prefetch(entry.children);
  }
  for (int n = 2; n <= order; n++) {
    const Level& level = trie.level(n);
    const uint64_t node = nodes[n - 1];
    uint64_t count;
    if (n < highest) {
      const Level::Entry entry = level.entry(node);
      trie.level(n + 1).prefetch(entry.children);
      after.at[n - 1] = {node, entry.children, weights(n, entry.context, entry.children)};
      count = entry.count;
    } else {
      count = level.count(node);
    }
    const StoredWeights& context = before.at[n - 2].weights;
    p = own(n, context.scale, count, node) + (interpolates_ ? context.unseen * p : 0);
  }
  if (order <= before.history) switch (unseen_) {
      case Unseen::kShorter:
        for (int n = order; n <= before.length; n++) p *= before.at[n - 1].weights.unseen;
        for (int n = before.length; absent_ != 1 && n < before.history; n++) p *= absent_;
        break;
      case Unseen::kUniform:
        p = uniform() * (before.length == before.history ? before.at[before.length - 1].weights.unseen : 1);
        break;
      case Unseen::kNothing:
        p = 0;
    }
  after.length = std::min(order, highest - 1);
  if (forgets_) {
    const auto matters = [](const State::Context& c) { return c.children.size() > 0 || c.weights.unseen != 1; };
    while (after.length > 0 && !matters(after.at[after.length - 1])) after.length--;
    after.history = after.length;
  } else {
    after.history = std::min(before.history + 1, highest - 1);
  }
  return {fast_log10(p), order};
}

State Model::state_after(std::span<const Word> words) const {
  State state;
  const size_t useful = std::min<size_t>(words.size(), order() - 1);
  for (Word word : words.last(useful)) score(state, word);
  return state;
}

void Model::prefetch(const State& state) const {
  for (int n = 1; n <= state.length; n++) table_.trie().level(n + 1).prefetch(state.at[n - 1].children);
}

const Model::Ranks& Model::ranks() const {
  std::call_once(ranks_->once, [&] {
    auto& [once, words, sums] = *ranks_;
    words.resize(vocabulary().size()), sums.resize(words.size());
    std::iota(words.begin(), words.end(), Word(0));
    std::ranges::stable_sort(words, std::greater(), [&](Word word) { return unigram(word); });
    double sum = 0;
    for (Word word = 0; word < sums.size(); word++) sums[word] = sum += unigram(word);
  });
  return *ranks_;
}

void Model::distribution(const State& state, std::span<float> probabilities) const {
  const Trie& trie = table_.trie();
  const bool mixes = unseen_ == Unseen::kShorter, known = state.length == state.history;
  int first = 1;  // context whose words are written over what stands there already
  if (mixes || state.history == 0) {
    for (uint64_t i = 0; i < trie.vocabulary(); i++) probabilities[i] = unigrams_.as<float>(i);
  } else {
    first = known ? state.length : state.length + 1;
    const float unseen = uniform() * (known ? state.at[state.length - 1].weights.unseen : 1);
    std::ranges::fill(probabilities, unseen_ == Unseen::kUniform ? unseen : 0.0f);
  }
  for (int n = first; n <= state.length; n++) {
    const auto& [node, range, weights] = state.at[n - 1];
    if (mixes)
      for (float& p : probabilities) p *= weights.unseen;
    for (uint64_t c = range.begin; c < range.end; c++) {
      float& p = probabilities[trie.word(n + 1, c)];
      p = own(n + 1, weights.scale, trie.count(n + 1, c), c) + (interpolates_ ? p : 0);
    }
  }
  for (int n = state.length; mixes && absent_ != 1 && n < state.history; n++)
    for (float& p : probabilities) p *= absent_;
  probabilities[kBegin] = 0;
}

Model make_model(const Table& table, const Estimation& estimation, const Workers& workers) {
  MemorySink sink;
  put_corpus(sink, table.corpus(), limited(table.vocabulary(), estimation));
  estimate(sink, nodes_of(table.trie(), smoothing_kind(estimation.smoothing).adjusted, workers), estimation, workers);
  return Model(sink.finish());
}

}  // namespace fastlm::ngram
