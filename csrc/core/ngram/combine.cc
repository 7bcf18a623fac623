#include "combine.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

#include "parts.h"
#include "trie_nodes.h"

namespace fastlm::ngram {
namespace {

constexpr uint64_t kNone = ~uint64_t(0);

void require(bool good, const std::string& what) {
  if (!good) throw std::invalid_argument(what);
}

// A table whose words have numbers of another vocabulary.
struct Operand {
  const Trie* trie;
  std::vector<Word> renamed;  // of each of its words
  std::vector<uint64_t> own;  // of each word of the other vocabulary, or kNone

  Operand(const Trie& trie, std::vector<Word> names, size_t words)
      : trie(&trie), renamed(std::move(names)), own(words, kNone) {
    for (size_t i = 0; i < renamed.size(); i++)
      if (renamed[i] < words) own[renamed[i]] = i;
  }
};

struct Place {
  Word word;  // renamed
  uint32_t operand;
  uint64_t at;  // of the n-gram in its operand
};

// The n-grams of several tables, side by side in the order of their new numbers: each n-gram's children are sorted
// anew. rule(ngram, counts, context): the new count of an n-gram from those in each operand and the new one of its
// context; 0: it is left out.
template <class Rule>
class Walk {
 public:
  Walk(const std::vector<Operand>& operands, int order, const Rule& rule)
      : operands_(operands), order_(order), rule_(rule), part_(order), places_(order + 1), counts_(operands.size()) {}

  void add(Word word) {
    places_[1].clear();
    for (uint32_t k = 0; k < operands_.size(); k++)
      if (operands_[k].own[word] != kNone) places_[1].push_back({word, k, operands_[k].own[word]});
    visit(1, places_[1], kNone);
  }
  Part finish() { return std::move(part_); }

 private:
  void visit(int n, std::span<const Place> group, uint64_t context) {
    path_[n - 1] = group[0].word;
    std::fill(counts_.begin(), counts_.end(), 0);
    for (const Place& place : group) counts_[place.operand] = operands_[place.operand].trie->count(n, place.at);
    const uint64_t count = rule_(std::span<const Word>(path_, n), counts_, context);
    const bool kept = n == 1 || count > 0;
    if (kept) part_[n - 1].add(group[0].word, count);
    if (n == order_ || (!kept && !Rule::kLooksBehind)) return;
    const size_t before = part_[n].words.size();
    gather(n, group);
    const std::vector<Place>& places = places_[n + 1];
    for (size_t i = 0; i < places.size();) {
      size_t end = i + 1;
      while (end < places.size() && places[end].word == places[i].word) end++;
      visit(n + 1, std::span(places).subspan(i, end - i), count);
      i = end;
    }
    if (kept) part_[n - 1].children.back() = Word(part_[n].words.size() - before);
  }

  void gather(int n, std::span<const Place> group) {
    std::vector<Place>& places = places_[n + 1];
    places.clear();
    for (const auto& [_, k, at] : group) {
      const Operand& operand = operands_[k];
      const Range range = operand.trie->children(n, at);
      for (uint64_t i = range.begin; i < range.end; i++)
        places.push_back({operand.renamed[operand.trie->word(n + 1, i)], k, i});
    }
    const auto before = [](const Place& a, const Place& b) { return a.word < b.word; };
    if (!std::is_sorted(places.begin(), places.end(), before)) std::sort(places.begin(), places.end(), before);
  }

  const std::vector<Operand>& operands_;
  int order_;
  const Rule& rule_;
  Part part_;
  std::vector<std::vector<Place>> places_;  // of each order, those under way
  std::vector<uint64_t> counts_;
  Word path_[kMaxOrder];
};

// Cuts the words into pieces of about as many bigrams each.
std::vector<Word> cut(const std::vector<Operand>& operands, size_t words, int order, size_t pieces) {
  const auto weight = [&](size_t word) {
    uint64_t weight = 1;
    for (const Operand& operand : operands)
      if (order > 1 && operand.own[word] != kNone) weight += operand.trie->children(1, operand.own[word]).size();
    return weight;
  };
  uint64_t all = 0, sum = 0;
  for (size_t word = 0; word < words; word++) all += weight(word);
  std::vector<Word> cuts{0};
  for (size_t word = 0; word < words; word++) {
    if (sum * pieces >= all * cuts.size()) cuts.push_back(Word(word));
    sum += weight(word);
  }
  cuts.push_back(Word(words));
  return cuts;
}

template <class Rule>
Table combine(const Corpus& corpus, const Vocabulary& vocabulary, const std::vector<Operand>& operands,
              const Rule& rule, const Workers& workers) {
  const auto cuts = cut(operands, vocabulary.size(), corpus.order, 32 * workers.count());
  std::vector<Part> parts(cuts.size() - 1);
  parallel(parts.size(), workers, [&](size_t piece) {
    Walk walk(operands, corpus.order, rule);
    for (Word word = cuts[piece]; word < cuts[piece + 1]; word++) walk.add(word);
    parts[piece] = walk.finish();
  });
  return make_table(corpus, vocabulary, nodes_of_parts(std::move(parts), corpus.order));
}

std::vector<Word> same_names(size_t words) {
  std::vector<Word> names(words);
  std::iota(names.begin(), names.end(), 0);
  return names;
}

std::string text_of(const Vocabulary& vocabulary, std::span<const Word> ngram) {
  std::string text;
  for (Word word : ngram) (text += text.empty() ? "" : " ") += vocabulary.text(word);
  return text;
}

bool same(const Vocabulary& a, const Vocabulary& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); i++)
    if (a.text(Word(i)) != b.text(Word(i))) return false;
  return true;
}

void require_same_words(const Table& a, const Table& b) {
  require(a.corpus().tokenization == b.corpus().tokenization,
          "the tables' texts became words in different ways (tokenization), so their counts cannot be combined");
}

struct Add {
  static constexpr bool kLooksBehind = false;

  uint64_t operator()(std::span<const Word>, std::span<const uint64_t> counts, uint64_t) const {
    uint64_t sum = 0;
    for (uint64_t count : counts)
      if (__builtin_add_overflow(sum, count, &sum)) throw std::overflow_error("a sum of counts exceeds 2^64 - 1");
    return sum;
  }
};

struct Take {
  static constexpr bool kLooksBehind = true;  // nothing may stay whose context vanishes
  const Vocabulary& vocabulary;

  uint64_t operator()(std::span<const Word> ngram, std::span<const uint64_t> counts, uint64_t context) const {
    if (counts[0] < counts[1])
      throw std::invalid_argument("the count of '" + text_of(vocabulary, ngram) + "' would fall below 0: " +
                                  std::to_string(counts[0]) + " - " + std::to_string(counts[1]));
    const uint64_t left = counts[0] - counts[1];
    if (left > context)
      throw std::invalid_argument("'" + text_of(vocabulary, ngram) + "' would occur " + std::to_string(left) +
                                  " times, its context only " + std::to_string(context) +
                                  "; expected a table whose text is a part of the other's");
    return left;
  }
};

struct Above {
  static constexpr bool kLooksBehind = false;
  const std::vector<uint64_t>& thresholds;

  uint64_t operator()(std::span<const Word> ngram, std::span<const uint64_t> counts, uint64_t) const {
    return counts[0] > thresholds[ngram.size() - 1] ? counts[0] : 0;
  }
};

// The words of all tables, in the order of their coming, and for each table their numbers.
struct United {
  GrowingVocabulary words;
  std::vector<std::vector<Word>> names;
};

// Numbers them anew by falling count.
std::vector<Word> ranks(const United& united, const std::vector<std::shared_ptr<const Table>>& tables) {
  std::vector<uint64_t> counts(united.words.size());
  for (size_t k = 0; k < tables.size(); k++)
    for (size_t i = 0; i < united.names[k].size(); i++) counts[united.names[k][i]] += tables[k]->trie().count(1, i);
  std::vector<Word> ranked = same_names(united.words.size());
  std::stable_sort(ranked.begin() + kSpecial, ranked.end(), [&](Word a, Word b) { return counts[a] > counts[b]; });
  return ranked;
}

// Of tables whose vocabularies differ.
Table merge_united(const Corpus& corpus, const std::vector<std::shared_ptr<const Table>>& tables,
                   const Workers& workers) {
  United united;
  for (const auto& table : tables) {
    auto& names = united.names.emplace_back(table->vocabulary().size());
    for (size_t i = 0; i < names.size(); i++) names[i] = united.words.add(table->vocabulary().text(Word(i)));
  }
  const std::vector<Word> ranked = ranks(united, tables);
  std::vector<Word> rank(ranked.size());
  for (size_t i = 0; i < ranked.size(); i++) rank[ranked[i]] = Word(i);
  const Vocabulary vocabulary(ranked.size(), [&](Word word) { return united.words.text(ranked[word]); });
  std::vector<Operand> operands;
  for (size_t k = 0; k < tables.size(); k++) {
    for (Word& name : united.names[k]) name = rank[name];
    operands.emplace_back(tables[k]->trie(), std::move(united.names[k]), ranked.size());
  }
  return combine(corpus, vocabulary, operands, Add{}, workers);
}

}  // namespace

Table merge(const std::vector<std::shared_ptr<const Table>>& tables, const Workers& workers) {
  require(!tables.empty(), "expected at least one table to merge, got none");
  Corpus corpus = tables[0]->corpus();
  bool alike = true;
  for (size_t k = 1; k < tables.size(); k++) {
    require_same_words(*tables[0], *tables[k]);
    corpus.order = std::min(corpus.order, tables[k]->order());
    corpus.tokens += tables[k]->corpus().tokens;
    corpus.sentences += tables[k]->corpus().sentences;
    alike = alike && same(tables[0]->vocabulary(), tables[k]->vocabulary());
  }
  if (!alike) return merge_united(corpus, tables, workers);
  std::vector<Operand> operands;
  const Vocabulary& vocabulary = tables[0]->vocabulary();
  for (const auto& table : tables)
    operands.emplace_back(table->trie(), same_names(vocabulary.size()), vocabulary.size());
  return combine(corpus, vocabulary, operands, Add{}, workers);
}

Table by_frequency(const std::shared_ptr<const Table>& table, const Workers& workers) {
  return merge_united(table->corpus(), {table}, workers);
}

Table subtract(const Table& a, const Table& b, const Workers& workers) {
  require_same_words(a, b);
  require(b.order() >= a.order(), "expected a table of order " + std::to_string(a.order()) +
                                      " or more to subtract, got one of order " + std::to_string(b.order()));
  const Vocabulary& vocabulary = a.vocabulary();
  std::vector<Word> names(b.vocabulary().size());
  for (size_t i = 0; i < names.size(); i++) {
    const auto text = b.vocabulary().text(Word(i));
    names[i] = i < kSpecial ? Word(i) : vocabulary.find(text);
    if (i < kSpecial || names[i] != kUnknown) continue;
    names[i] = kMaxWord;
    if (const uint64_t count = b.trie().count(1, i))
      throw std::invalid_argument("the count of '" + std::string(text) + "' would fall below 0: 0 - " +
                                  std::to_string(count));
  }
  std::vector<Operand> operands;
  operands.emplace_back(a.trie(), same_names(vocabulary.size()), vocabulary.size());
  operands.emplace_back(b.trie(), std::move(names), vocabulary.size());
  Corpus corpus = a.corpus();
  corpus.tokens -= b.corpus().tokens, corpus.sentences -= b.corpus().sentences;
  Table left = combine(corpus, vocabulary, operands, Take{vocabulary}, workers);
  require(a.corpus().tokens >= b.corpus().tokens && a.corpus().sentences >= b.corpus().sentences,
          "expected a table of fewer tokens and sentences to subtract");
  require(corpus.tokens > corpus.sentences, "nothing is left: expected a table of a part of the text to subtract");
  nodes_of(left.trie(), true, workers);  // throws if an n-gram stays whose end vanishes
  return left;
}

Table prune(const Table& table, std::vector<uint64_t> thresholds, const Workers& workers) {
  require(!thresholds.empty() && thresholds[0] == 0, "expected thresholds that begin with 0: words stay");
  require(thresholds.size() <= size_t(table.order()), "expected at most " + std::to_string(table.order()) +
                                                          " thresholds, one for each order, got " +
                                                          std::to_string(thresholds.size()));
  require(std::is_sorted(thresholds.begin(), thresholds.end()),
          "expected thresholds that do not fall: an n-gram must not stay without its context");
  thresholds.resize(table.order(), thresholds.back());
  std::vector<Operand> operands;
  operands.emplace_back(table.trie(), same_names(table.vocabulary().size()), table.vocabulary().size());
  return combine(table.corpus(), table.vocabulary(), operands, Above{thresholds}, workers);
}

}  // namespace fastlm::ngram
