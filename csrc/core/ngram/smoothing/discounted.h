// Absolute discounting: a little is taken off every count, and goes to what the shorter context says.
//
// Ney, Essen and Kneser (1994), "On structuring probabilistic dependences in stochastic language modelling", for the
// discount n1 / (n1 + 2 n2), where n_r n-grams occur r times.
#pragma once

#include <sstream>
#include <stdexcept>

#include "../smoothing.h"

namespace fastlm::ngram {

class Discounted : public Smoothing {
 public:
  // of: for each order the discount of each class of counts.
  Discounted(std::vector<ByClass> of, Parameters parameters) : of_(std::move(of)), parameters_(std::move(parameters)) {}

  bool interpolates() const override { return true; }
  bool implied() const override { return true; }
  ByClass discounts(int order) const override { return of_[order - 1]; }
  Weights weights(const ContextCounts& context) const override {
    double freed = context.pruned;
    for (int c = 1; c < kClasses; c++) freed += of_[context.order - 1][c] * context.words[c];
    return {1 / context.total, freed / context.total};
  }
  Parameters parameters() const override { return parameters_; }

 private:
  std::vector<ByClass> of_;
  Parameters parameters_;
};

// The same for all counts but 0.
inline ByClass one_discount(double discount) {
  ByClass discounts;
  discounts.fill(discount);
  discounts[0] = 0;
  return discounts;
}

[[noreturn]] inline void no_discount(int order, const std::string& why, const std::string& fallback) {
  std::ostringstream message;
  message << "the discounts of order " << order << " cannot be worked out from the counts: " << why
          << ". The text may be too small, or not a natural one (duplicated lines, a list of words). Ways out: more "
             "text; a lower order; discount_fallback (--discount-fallback), which uses "
          << fallback << " for such an order; another smoothing, such as witten-bell";
  throw std::invalid_argument(message.str());
}

// For each order, unless a user has set one for all; fallback: of an order whose counts do not give it.
inline Numbers neys_discounts(const std::vector<CountsOfCounts>& orders, const Choices& choices,
                              std::optional<double> fallback) {
  if (choices.contains("discount")) return Numbers(orders.size(), choices.at("discount")[0]);
  Numbers discounts;
  for (const auto& [of, distinct, total] : orders) {
    const bool known = of[1] > 0 && of[2] > 0;
    if (!known && !fallback)
      no_discount(int(discounts.size()) + 1, "no n-gram of it has a count of " + std::string(of[1] > 0 ? "2" : "1"),
                  "0.5");
    discounts.push_back(known ? double(of[1]) / double(of[1] + 2 * of[2]) : *fallback);
  }
  return discounts;
}

inline std::vector<ByClass> for_each_order(const Numbers& discounts) {
  std::vector<ByClass> of;
  for (double discount : discounts) of.push_back(one_discount(discount));
  return of;
}

}  // namespace fastlm::ngram
