// Small random texts, the table of one, and what is in it.
#pragma once

#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/ngram/counter.h"

namespace fastlm::ngram {

// Lines of words w0, w1, ...; the smaller the vocabulary, the more they repeat themselves.
inline std::string random_text(int sentences, int vocabulary, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  for (int i = 0; i < sentences; i++) {
    for (unsigned words = random() % 12; words > 0; words--) text += "w" + std::to_string(random() % vocabulary) + " ";
    text += "\n";
  }
  return text;
}

inline Table table_of(std::string_view text, CountOptions options) {
  Counter counter(std::move(options));
  counter.begin("text");
  counter.add(text);
  return counter.finish();
}

using Ngram = std::vector<std::string>;

inline std::map<Ngram, uint64_t> counts_in(const Table& table) {
  std::map<Ngram, uint64_t> counts;
  for (int n = 1; n <= table.order(); n++) {
    std::vector<Word> rows(table.trie().size(n) * n);
    table.trie().copy_words(n, 0, table.trie().size(n), rows.data());
    for (uint64_t i = 0; i < table.trie().size(n); i++) {
      Ngram words;
      for (int k = 0; k < n; k++) words.emplace_back(table.vocabulary().text(rows[i * n + k]));
      if (const uint64_t count = table.trie().count(n, i)) counts[words] = count;
    }
  }
  return counts;
}

}  // namespace fastlm::ngram
