// The smoothing contract: how counts become probabilities, a context at a time.
//
// A smoothing gives each word that was seen after a context its probability, and the context a weight for what was not:
// the probability of an unseen word is that weight times the one that Unseen names. The driver (estimate.h) walks over
// the contexts. A new smoothing is a file in smoothing/ and a line in smoothings.cc.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trie.h"

namespace fastlm::ngram {

enum class Unseen : uint8_t {
  kNothing,  // no probability; nor has a context that was never seen
  kUniform,  // the same for every word of the vocabulary; so it is after a context that was never seen
  kShorter   // that after the context without its first word; so it is after a context that was never seen
};

struct Context {
  int order;                         // of its n-grams: 1 for the empty context
  double total;                      // sum of the counts
  double vocabulary;                 // words that can follow: all but <s>
  std::span<const uint64_t> counts;  // of the words seen; of all that can follow, zeros too, if the context is empty
  std::span<const double> lower;     // their probabilities after the shorter context; 1 / vocabulary if it is empty
};

using Parameters = std::map<std::string, std::vector<double>>;  // one number for all orders, or one for each

class Smoothing {
 public:
  virtual ~Smoothing() = default;
  virtual Unseen unseen() const = 0;
  // Writes the probability of each word of the context; returns the weight of the others.
  virtual double estimate(const Context& context, std::span<double> probabilities) const = 0;
  virtual Parameters parameters() const { return {}; }
};

struct Parameter {
  std::optional<double> preset;  // none: from the counts
  double least, greatest;
};

using Choices = std::map<std::string, double>;  // what a user has set

struct SmoothingKind {
  std::string name;
  std::map<std::string, Parameter> parameters;
  std::unique_ptr<Smoothing> (*make)(const Trie& trie, const Choices& choices);
};

const std::vector<SmoothingKind>& smoothings();

// After a check of names and ranges.
std::unique_ptr<Smoothing> make_smoothing(const std::string& name, const Trie& trie, Choices choices);

// The kinds there are.
SmoothingKind maximum_likelihood();
SmoothingKind add_delta();
SmoothingKind backoff();

}  // namespace fastlm::ngram
