#include "table.h"

namespace fastlm::ngram {

uint64_t Table::distinct(int n) const {
  if (n > 1) return trie.size(n);
  uint64_t seen = 0;
  for (uint64_t i = 0; i < trie.size(1); i++) seen += trie.count(1, i) > 0;
  return seen;
}

}  // namespace fastlm::ngram
