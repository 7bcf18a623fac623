// A trie read as the nodes that it was made of, for estimating a model of a table.
#pragma once

#include "parallel.h"
#include "trie.h"

namespace fastlm::ngram {

// adjusted: Kneser & Ney's counts too, worked out by finding the end of each n-gram. The trie must outlive the nodes.
NodeLevels nodes_of(const Trie& trie, bool adjusted, const Workers& workers);

}  // namespace fastlm::ngram
