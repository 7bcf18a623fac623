// Places of a level that lie side by side.
#pragma once

#include <cstdint>

namespace fastlm::ngram {

struct Range {
  uint64_t begin = 0, end = 0;
  uint64_t size() const { return end - begin; }
};

}  // namespace fastlm::ngram
