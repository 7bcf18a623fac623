// Scores of many sentences at once.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "model.h"
#include "parallel.h"

namespace fastlm::ngram {

// Words between ASCII white space, as ids. Throws std::invalid_argument for <s> and </s>, which are bounds.
void append_ids(const Vocabulary& vocabulary, std::string_view text, std::vector<Word>& ids);

// log10 P of each sentence, whose words are given; with <s> before the first and </s> behind the last, if so wanted.
// Several sentences are worked on in turn, so that the memory that one waits for arrives while the others go on.
void score_ids(const Model& model, std::span<const std::span<const Word>> sentences, bool bos, bool eos,
               std::span<double> totals);

// The same of texts, on several threads.
std::vector<double> score_texts(const Model& model, std::span<const std::string_view> texts, bool bos, bool eos,
                                const Workers& workers);

}  // namespace fastlm::ngram
