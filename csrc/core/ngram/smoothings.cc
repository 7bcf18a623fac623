// The list of smoothings. A new one is a file in smoothing/ and a line here.
#include <sstream>
#include <stdexcept>

#include "smoothing.h"

namespace fastlm::ngram {

const std::vector<SmoothingKind>& smoothings() {
  static const std::vector<SmoothingKind> kinds = {
      maximum_likelihood(),   add_delta(),  stupid_backoff(),     backoff(), katz(), witten_bell(),
      absolute_discounting(), kneser_ney(), modified_kneser_ney()};
  return kinds;
}

namespace {

template <class... Part>
[[noreturn]] void fail(const Part&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

template <class Range, class Name>
std::string listed(const Range& range, Name&& name) {
  std::string list;
  for (const auto& item : range) list += (list.empty() ? "" : ", ") + name(item);
  return list.empty() ? "none" : list;
}

}  // namespace

const SmoothingKind& smoothing_kind(const std::string& name) {
  for (const SmoothingKind& kind : smoothings())
    if (kind.name == name) return kind;
  fail("unknown smoothing '", name,
       "'; expected one of: ", listed(smoothings(), [](const SmoothingKind& kind) { return kind.name; }));
}

std::unique_ptr<Smoothing> make_smoothing(const SmoothingKind& kind, const std::vector<CountsOfCounts>& orders,
                                          Choices choices) {
  for (const auto& [key, values] : choices) {
    const auto found = kind.parameters.find(key);
    if (found == kind.parameters.end())
      fail("smoothing '", kind.name, "' has no parameter '", key,
           "'; it has: ", listed(kind.parameters, [](const auto& item) { return item.first; }));
    const Parameter& p = found->second;
    if (values.empty() || int(values.size()) > p.numbers)
      fail(key, " must have ", p.numbers == 1 ? "1 number" : "1 to " + std::to_string(p.numbers) + " numbers", ", got ",
           values.size());
    for (double value : values)
      if (!(value >= p.least && value <= p.greatest))
        fail(key, " must be between ", p.least, " and ", p.greatest, ", got ", value);
  }
  for (const auto& [key, parameter] : kind.parameters)
    if (parameter.preset) choices.emplace(key, Numbers{*parameter.preset});
  return kind.make(orders, choices);
}

double Smoothing::seen(const ContextCounts& context) const {
  const ByClass of = discounts(context.order);
  double seen = context.total;
  for (int c = 1; c < kClasses; c++) seen -= of[c] * context.words[c];
  return seen;
}

}  // namespace fastlm::ngram
