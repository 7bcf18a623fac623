// Small random texts, and the table of one.
#pragma once

#include <random>
#include <string>

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

}  // namespace fastlm::ngram
