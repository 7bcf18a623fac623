// Tables made of tables: counts added, taken off, left out.
#pragma once

#include <memory>
#include <vector>

#include "parallel.h"
#include "table.h"

namespace fastlm::ngram {

// Counts add; a word that one table lacks is <unk> in its text and stays so. The order is the least of the tables'.
// Vocabularies that are the same keep their numbers; others are united, by falling count, then in the order of coming.
Table merge(const std::vector<std::shared_ptr<const Table>>& tables, const Workers& workers = {});

// The same with words numbered by falling count, in the order that they have had where these are equal.
Table by_frequency(const std::shared_ptr<const Table>& table, const Workers& workers = {});

// Counts of b taken from those of a, whose vocabulary stays. What falls to 0 vanishes; below it, that is an error.
Table subtract(const Table& a, const Table& b, const Workers& workers = {});

// Leaves out n-grams of order n that occur thresholds[n - 1] times or less, the last one for the rest. Thresholds do
// not fall, so that the context and the end of what stays do. Words stay: the first one is 0.
Table prune(const Table& table, std::vector<uint64_t> thresholds, const Workers& workers = {});

}  // namespace fastlm::ngram
