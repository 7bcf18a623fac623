// The smoothing contract: how counts become probabilities, a context at a time.
//
//   P(w | context) = (count - discount) * scale + unseen * P(w | shorter context)   if w was seen after the context;
//   the
//                                                                   second part only for a smoothing that interpolates
//                  = unseen * what `Unseen` names                   if not
//
// The discount depends on the count and the order alone, scale and unseen on the context: so a model keeps counts, and
// works out a probability when it is asked for. A new smoothing is a file in smoothing/ and a line in smoothings.cc.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nodes.h"

namespace fastlm::ngram {

enum class Unseen : uint8_t {
  kNothing,  // no probability; nor has a context that was never seen
  kUniform,  // the same for every word of the vocabulary; so it is after a context that was never seen
  kShorter   // that after the context without its first word; so it is after a context that was never seen
};

inline constexpr int kClasses = 8;  // counts 0, 1, ..., 6 and those of 7 or more: each class has its discount

using ByClass = std::array<double, kClasses>;

inline int class_of(uint64_t count) { return int(std::min<uint64_t>(count, kClasses - 1)); }

// What was seen after a context.
struct ContextCounts {
  int order;            // of its n-grams: 1 for the empty context
  double vocabulary;    // words that can follow: all but <s>
  double total = 0;     // sum of the counts
  double distinct = 0;  // words seen
  ByClass words{};      // how many of them were seen so often
  double pruned = 0;    // sum of the counts of those that the model leaves out; they are not in `words`
  // Sum of their probabilities after the shorter context, only if the smoothing asks for it; of words alone that of the
  // uniform distribution.
  double lower = 0;

  void add(uint64_t count) { total += double(count), distinct += count > 0, words[class_of(count)]++; }
  void prune(uint64_t count) { total += double(count), distinct++, pruned += double(count); }
};

// What a context does with its counts. A negative scale: its size, and no discount.
struct Weights {
  double scale, unseen;
};

// How many n-grams of an order occur once, twice, ...; <s> alone, which is never predicted, is left out.
struct CountsOfCounts {
  uint64_t of[kClasses]{};
  uint64_t distinct = 0, total = 0;
};

using Numbers = std::vector<double>;                // one for all orders, or one for each, or as the parameter says
using Parameters = std::map<std::string, Numbers>;  // as used
using Choices = std::map<std::string, Numbers>;     // what a user has set

class Smoothing {
 public:
  virtual ~Smoothing() = default;
  virtual Unseen unseen() const { return Unseen::kShorter; }
  virtual bool interpolates() const { return false; }
  // Whether words alone are mixed with the uniform distribution, instead of the unseen ones having it.
  virtual bool mixes_words() const { return interpolates(); }
  virtual bool needs_lower() const { return false; }  // ContextCounts::lower
  // Whether scale = 1 / total, and unseen = the sum of what is taken off the counts / total: then they need not be
  // kept.
  virtual bool implied() const { return false; }
  virtual double absent() const { return 1; }          // weight of a context that was never seen
  virtual ByClass discounts(int) const { return {}; }  // of an order; may be negative
  virtual Weights weights(const ContextCounts& context) const = 0;
  virtual Parameters parameters() const { return {}; }

  // Sum of what the words seen after a context have by their counts.
  double seen(const ContextCounts& context) const;
};

struct Parameter {
  std::optional<double> preset;  // none: from the counts
  double least, greatest;
  int numbers = 1;  // how many a user gives at most; the last one serves for the rest
};

struct SmoothingKind {
  std::string name;
  std::map<std::string, Parameter> parameters;
  bool adjusted;  // of Kneser & Ney's counts
  std::unique_ptr<Smoothing> (*make)(const std::vector<CountsOfCounts>& orders, const Choices& choices);
};

const std::vector<SmoothingKind>& smoothings();

// By its name, after a check of what was set. Throws std::invalid_argument.
const SmoothingKind& smoothing_kind(const std::string& name);
std::unique_ptr<Smoothing> make_smoothing(const SmoothingKind& kind, const std::vector<CountsOfCounts>& orders,
                                          Choices choices);

// The kinds there are.
SmoothingKind maximum_likelihood();
SmoothingKind add_delta();
SmoothingKind stupid_backoff();
SmoothingKind backoff();
SmoothingKind katz();
SmoothingKind witten_bell();
SmoothingKind absolute_discounting();
SmoothingKind kneser_ney();
SmoothingKind modified_kneser_ney();

}  // namespace fastlm::ngram
