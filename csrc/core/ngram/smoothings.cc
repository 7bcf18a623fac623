// The list of smoothings. A new one is a file in smoothing/ and a line here.
#include <sstream>
#include <stdexcept>

#include "smoothing.h"

namespace fastlm::ngram {

const std::vector<SmoothingKind>& smoothings() {
  static const std::vector<SmoothingKind> kinds = {maximum_likelihood(), add_delta(), backoff()};
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

std::unique_ptr<Smoothing> make_smoothing(const std::string& name, const Trie& trie, Choices choices) {
  for (const SmoothingKind& kind : smoothings()) {
    if (kind.name != name) continue;
    for (const auto& [key, value] : choices) {
      const auto found = kind.parameters.find(key);
      if (found == kind.parameters.end())
        fail("smoothing '", name, "' has no parameter '", key,
             "'; it has: ", listed(kind.parameters, [](const auto& item) { return item.first; }));
      if (const Parameter& p = found->second; !(value >= p.least && value <= p.greatest))
        fail(key, " must be between ", p.least, " and ", p.greatest, ", got ", value);
    }
    for (const auto& [key, parameter] : kind.parameters)
      if (parameter.preset) choices.emplace(key, *parameter.preset);
    return kind.make(trie, choices);
  }
  fail("unknown smoothing '", name,
       "'; expected one of: ", listed(smoothings(), [](const SmoothingKind& kind) { return kind.name; }));
}

}  // namespace fastlm::ngram
