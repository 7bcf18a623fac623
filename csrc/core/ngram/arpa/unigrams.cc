#include "unigrams.h"

#include <numeric>
#include <utility>

namespace fastlm::ngram::arpa {
namespace {

struct Unigrams {
  std::vector<Word> words;
  std::vector<float> probabilities, backoffs;
};

class UnigramSource : public Source {
 public:
  explicit UnigramSource(std::shared_ptr<const Unigrams> unigrams) : unigrams_(std::move(unigrams)) {}

  Ngrams next() override {
    if (std::exchange(given_, true)) return {};
    return {unigrams_->words, unigrams_->probabilities, unigrams_->backoffs};
  }

 private:
  std::shared_ptr<const Unigrams> unigrams_;
  bool given_ = false;
};

}  // namespace

Level unigrams_of(std::vector<float> probabilities, std::vector<float> backoffs) {
  auto unigrams = std::make_shared<Unigrams>();
  unigrams->words.resize(probabilities.size());
  std::iota(unigrams->words.begin(), unigrams->words.end(), 0);
  unigrams->probabilities = std::move(probabilities), unigrams->backoffs = std::move(backoffs);
  return {1, unigrams->words.size(), [unigrams] { return std::make_unique<UnigramSource>(unigrams); }};
}

}  // namespace fastlm::ngram::arpa
