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
  const Numbers discounts = neys_discounts(orders, choices);
  return std::make_unique<Discounted>(for_each_order(discounts), Parameters{{"discount", discounts}});
}

constexpr int kDiscounts = 3;

// Of counts of 1, 2, and 3 or more.
ByClass three_discounts(const double* of) {
  ByClass discounts = one_discount(of[2]);
  discounts[1] = of[0], discounts[2] = of[1];
  return discounts;
}

[[noreturn]] void fail(int order, const std::string& why) {
  std::ostringstream message;
  message << "the discounts of order " << order << " cannot be worked out from the counts: " << why
          << ". The text may be too small, or not a natural one (duplicated lines, a list of words). Ways out: more "
             "text; a lower order; discount_fallback (--discount-fallback), which uses 0.5, 1 and 1.5 for such an "
             "order; another smoothing, such as witten-bell";
  throw std::invalid_argument(message.str());
}

// D_r = r - (r + 1) Y n_{r+1} / n_r, Y = n_1 / (n_1 + 2 n_2).
Numbers chen_and_goodmans(int order, const CountsOfCounts& counts, const Choices& choices) {
  const auto& of = counts.of;
  std::ostringstream why;
  Numbers discounts;
  for (int r = 1; r <= kDiscounts && why.str().empty(); r++)
    if (of[r] == 0) why << "no n-gram of it has " << (order > 1 ? "a count" : "an adjusted count") << " of " << r;
  if (why.str().empty()) {
    const double y = double(of[1]) / double(of[1] + 2 * of[2]);
    for (int r = 1; r <= kDiscounts; r++) {
      discounts.push_back(r - (r + 1) * y * double(of[r + 1]) / double(of[r]));
      if (discounts.back() < 0 || discounts.back() > r)
        why << "that of counts of " << r << " would be " << discounts.back() << ", outside of 0 to " << r;
    }
  }
  if (why.str().empty()) return discounts;
  if (!choices.contains("discount_fallback")) fail(order, why.str());
  return choices.at("discount_fallback");
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

constexpr Parameter kOneDiscount = {std::nullopt, 0.0, 1.0};

}  // namespace

SmoothingKind absolute_discounting() {
  return {"absolute-discounting", {{"discount", kOneDiscount}}, false, with_one_discount};
}

SmoothingKind kneser_ney() { return {"kneser-ney", {{"discount", kOneDiscount}}, true, with_one_discount}; }

SmoothingKind modified_kneser_ney() {
  return {
      "modified-kneser-ney", {{"discount_fallback", {std::nullopt, 0.0, 3.0, kDiscounts}}}, true, with_three_discounts};
}

}  // namespace fastlm::ngram
