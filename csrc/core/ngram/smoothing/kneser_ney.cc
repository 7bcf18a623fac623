// Interpolated absolute discounting, and with Kneser & Ney's counts; with one discount for each order, or with three.
//
// Kneser and Ney (1995), "Improved backing-off for m-gram language modeling": a shorter n-gram counts in how many
// contexts it stands, not how often. Chen and Goodman (1998), "An empirical study of smoothing techniques for language
// modeling", for interpolation and the three discounts, of counts of 1, 2, and 3 or more; Heafield et al. (2013),
// "Scalable modified Kneser-Ney language model estimation", for what KenLM makes of it, which is followed here.
#include <sstream>
#include <stdexcept>

#include "discounted.h"

namespace fastlm::ngram {
namespace {

std::unique_ptr<Smoothing> with_one_discount(const std::vector<CountsOfCounts>& orders, const Choices& choices) {
  std::optional<double> fallback;
  if (choices.contains("discount_fallback")) fallback = choices.at("discount_fallback")[0];
  const Numbers discounts = neys_discounts(orders, choices, fallback);
  return std::make_unique<Discounted>(for_each_order(discounts), Parameters{{"discount", discounts}});
}

constexpr int kDiscounts = 3;

// Of counts of 1, 2, and 3 or more.
ByClass three_discounts(const double* of) {
  ByClass discounts = one_discount(of[2]);
  discounts[1] = of[0], discounts[2] = of[1];
  return discounts;
}

// What a user has set for orders whose counts do not give the discounts.
Numbers fallback_of(const Choices& choices) {
  Numbers fallback = choices.at("discount_fallback");
  fallback.resize(kDiscounts, fallback.back());
  for (int r = 1; r <= kDiscounts; r++)
    if (fallback[r - 1] > r) {
      std::ostringstream message;
      message << "discount_fallback must be between 0 and " << r << " for counts of " << r << ", got "
              << fallback[r - 1];
      throw std::invalid_argument(message.str());
    }
  return fallback;
}

// D_r = r - (r + 1) Y n_{r+1} / n_r, Y = n_1 / (n_1 + 2 n_2).
Numbers chen_and_goodmans(int order, const CountsOfCounts& counts, const Choices& choices) {
  const auto& of = counts.of;
  std::ostringstream why;
  Numbers discounts;
  for (int r = 1; r <= kDiscounts && why.str().empty(); r++)
    if (of[r] == 0) why << "no n-gram of it has " << "an adjusted count" << " of " << r;
  if (why.str().empty()) {
    const double y = double(of[1]) / double(of[1] + 2 * of[2]);
    for (int r = 1; r <= kDiscounts; r++) {
      discounts.push_back(r - (r + 1) * y * double(of[r + 1]) / double(of[r]));
      if (discounts.back() < 0 || discounts.back() > r)
        why << "that of counts of " << r << " would be " << discounts.back() << ", outside of 0 to " << r;
    }
  }
  if (why.str().empty()) return discounts;
  if (!choices.contains("discount_fallback")) no_discount(order, why.str(), "0.5, 1 and 1.5");
  return fallback_of(choices);
}

std::unique_ptr<Smoothing> with_three_discounts(const std::vector<CountsOfCounts>& orders, const Choices& choices) {
  std::vector<ByClass> of;
  Parameters parameters;
  for (int n = 1; n <= int(orders.size()); n++) {
    const Numbers discounts = chen_and_goodmans(n, orders[n - 1], choices);
    of.push_back(three_discounts(discounts.data()));
    for (int r = 1; r <= kDiscounts; r++) parameters["discount" + std::to_string(r)].push_back(discounts[r - 1]);
  }
  return std::make_unique<Discounted>(std::move(of), std::move(parameters));
}

SmoothingKind one_discount_kind(const std::string& name, bool adjusted) {
  constexpr Parameter kOne = {std::nullopt, 0.0, 1.0};
  return {name, {{"discount", kOne}, {"discount_fallback", kOne}}, adjusted, with_one_discount};
}

}  // namespace

SmoothingKind absolute_discounting() { return one_discount_kind("absolute-discounting", false); }

SmoothingKind kneser_ney() { return one_discount_kind("kneser-ney", true); }

SmoothingKind modified_kneser_ney() {
  return {
      "modified-kneser-ney", {{"discount_fallback", {std::nullopt, 0.0, 3.0, kDiscounts}}}, true, with_three_discounts};
}

}  // namespace fastlm::ngram
