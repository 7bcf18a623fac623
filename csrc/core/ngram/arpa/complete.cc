#include "complete.h"

#include <cmath>
#include <limits>
#include <utility>

namespace fastlm::ngram::arpa {
namespace {

constexpr float kToFill = std::numeric_limits<float>::quiet_NaN();  // of an inserted n-gram, until its turn comes
constexpr int kSorters = 3;                                         // at one time, at most

// What the steps share.
struct Work {
  uint64_t vocabulary;
  const Memory& memory;
  const SortOptions& options;

  std::unique_ptr<Sorter> sorter(int order, uint64_t expected) const {
    return Sorter::make(order, vocabulary, expected, memory, kSorters, options);
  }
};

// Sorted, once each: what level n - 1 lacks of the first and the last n - 1 words of level n.
Level missing_below(const Level& level, const Level& below, const Work& work) {
  const int n = level.order;
  auto missing = work.sorter(n - 1, 0);
  auto suffixes = work.sorter(n - 1, level.size);
  Cursor contexts(below);
  for (Cursor at(level); at; at.advance()) {
    if (!contexts.seek(at.words())) missing->add({at.words(), kToFill, 0, 0});
    suffixes->add({at.words() + 1, kToFill, 0, 0});
  }
  const Level sorted = suffixes->finish();
  suffixes.reset();
  Cursor ends(below);
  for (Cursor at(sorted); at; at.advance())
    if (!ends.seek(at.words())) missing->add({at.words(), kToFill, 0, 0});
  return missing->finish();
}

// Two levels of the same order that have no n-gram in common.
Level merged(const Level& a, const Level& b, const Work& work) {
  auto both = work.sorter(a.order, a.size + b.size);
  const auto add = [&](Cursor& cursor) {
    both->add({cursor.words(), cursor.probability(), cursor.backoff(), 0});
    cursor.advance();
  };
  Cursor from_a(a), from_b(b);
  while (from_a || from_b) {
    const bool first = !from_b || (from_a && std::lexicographical_compare(from_a.words(), from_a.words() + a.order,
                                                                          from_b.words(), from_b.words() + a.order));
    add(first ? from_a : from_b);
  }
  return both->finish();
}

// The n-grams of a level that are to be filled, with the probability of their last n - 1 words.
Level backed_off(const Level& level, const Level& below, const Work& work) {
  const int n = level.order;
  Word turned[kMaxOrder];
  auto by_end = work.sorter(n, 0);  // w2 ... wn w1
  for (Cursor at(level); at; at.advance()) {
    if (!std::isnan(at.probability())) continue;
    std::rotate_copy(at.words(), at.words() + 1, at.words() + n, turned);
    by_end->add({turned, kToFill, 0, 0});
  }
  const Level sorted = by_end->finish();
  by_end.reset();
  auto found = work.sorter(n, sorted.size);
  Cursor ends(below);
  for (Cursor at(sorted); at; at.advance()) {
    ends.seek(at.words());  // it is there: the level below is complete
    std::rotate_copy(at.words(), at.words() + n - 1, at.words() + n, turned);
    found->add({turned, ends.probability(), 0, 0});
  }
  return found->finish();
}

// The level with the probabilities of what was inserted.
Level filled(const Level& level, const Level& below, const Work& work) {
  const Level lower = backed_off(level, below, work);
  auto result = work.sorter(level.order, level.size);
  Cursor ends(lower), contexts(below);
  for (Cursor at(level); at; at.advance()) {
    float probability = at.probability();
    if (std::isnan(probability)) {
      ends.seek(at.words()), contexts.seek(at.words());
      probability = std::min(0.0f, contexts.backoff() + ends.probability());
    }
    result->add({at.words(), probability, at.backoff(), 0});
  }
  return result->finish();
}

}  // namespace

Levels complete(Levels levels, uint64_t vocabulary, const Memory& memory, const SortOptions& options,
                std::vector<uint64_t>& inserted) {
  const Work work{vocabulary, memory, options};
  inserted.assign(levels.size(), 0);
  for (size_t i = levels.size() - 1; i >= 2 && i < levels.size(); i--) {
    const Level missing = missing_below(levels[i], levels[i - 1], work);
    inserted[i - 1] = missing.size;
    if (missing.size > 0) levels[i - 1] = merged(levels[i - 1], missing, work);
  }
  for (size_t i = 1; i < levels.size(); i++)
    if (inserted[i] > 0) levels[i] = filled(levels[i], levels[i - 1], work);
  return levels;
}

}  // namespace fastlm::ngram::arpa
