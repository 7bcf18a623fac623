#include "matches.h"

#include <algorithm>

namespace fastlm::ngram::suffix {
namespace {

constexpr size_t kAtOnce = 1 << 10;  // patterns of one piece of work

// A text as patterns, each from a word to the next one that does not go on.
class Patterns {
 public:
  Patterns(const Index& index, std::span<const Word> text)
      : index_(index), width_(index.arrays().tokens.width()), bytes_(index.pattern(text)) {
    for (size_t i = 0; i < text.size(); i++)
      if (!index.goes_on(text[i])) stops_.push_back(i);
    stops_.push_back(text.size());
  }

  uint64_t stop(uint64_t i) const { return *std::lower_bound(stops_.begin(), stops_.end(), i); }
  Pattern from(uint64_t begin, uint64_t end) const { return {bytes_.data() + begin * width_, size_t(end - begin)}; }

  // Where the matches at some words end.
  void find_ends(std::span<const uint64_t> begins, std::vector<uint64_t>& ends) const {
    std::vector<Pattern> patterns;
    std::vector<uint64_t> asked, words;
    for (uint64_t begin : begins) {
      ends[begin] = begin;
      if (const uint64_t stop = this->stop(begin); stop > begin)
        patterns.push_back(from(begin, stop)), asked.push_back(begin);
    }
    words.resize(patterns.size());
    index_.common_words(patterns, words.data());
    for (size_t i = 0; i < asked.size(); i++) ends[asked[i]] += words[i];
  }

 private:
  const Index& index_;
  size_t width_;
  std::vector<std::byte> bytes_;
  std::vector<uint64_t> stops_;
};

// Calls work(begin, end) for pieces of [0, size).
template <class Work>
void in_pieces(size_t size, const Workers& workers, Work&& work) {
  parallel((size + kAtOnce - 1) / kAtOnce, workers,
           [&](size_t piece) { work(piece * kAtOnce, std::min(size, (piece + 1) * kAtOnce)); });
}

struct Gap {
  uint64_t low, high;  // the ends at these words are known
};

std::vector<uint64_t> match_ends(const Patterns& patterns, uint64_t size, const Workers& workers) {
  std::vector<uint64_t> ends(size), asked;
  std::vector<Gap> gaps, halves;
  if (size > 0) asked = {0};
  if (size > 1) asked.push_back(size - 1), gaps.push_back({0, size - 1});
  while (!asked.empty()) {
    in_pieces(asked.size(), workers, [&](size_t begin, size_t end) {
      patterns.find_ends(std::span(asked).subspan(begin, end - begin), ends);
    });
    asked.clear(), halves.clear();
    for (const auto [low, high] : gaps) {
      if (high - low < 2) continue;
      if (ends[low] == ends[high]) {
        std::fill(ends.begin() + low + 1, ends.begin() + high, ends[low]);
        continue;
      }
      const uint64_t middle = low + (high - low) / 2;
      asked.push_back(middle);
      halves.insert(halves.end(), {{low, middle}, {middle, high}});
    }
    gaps.swap(halves);
  }
  return ends;
}

}  // namespace

std::vector<uint64_t> match_ends(const Index& index, std::span<const Word> text, const Workers& workers) {
  return match_ends(Patterns(index, text), text.size(), workers);
}

Contamination find_contamination(const Index& index, std::span<const Word> text, uint64_t min_words,
                                 const Workers& workers) {
  const Patterns patterns(index, text);
  const std::vector<uint64_t> ends = match_ends(patterns, text.size(), workers);
  Contamination found;
  uint64_t last = 0;  // where the span before ends
  for (uint64_t i = 0; i < text.size(); i++) {
    found.longest = std::max(found.longest, ends[i] - i);
    if (ends[i] - i < std::max<uint64_t>(1, min_words) || ends[i] <= last) continue;
    found.spans.push_back({i, ends[i], 0, 0});
    found.covered += ends[i] - std::max(i, last);
    last = ends[i];
  }
  in_pieces(found.spans.size(), workers, [&](size_t begin, size_t end) {
    std::vector<Pattern> asked;
    for (size_t i = begin; i < end; i++) asked.push_back(patterns.from(found.spans[i].begin, found.spans[i].end));
    std::vector<Range> ranges(asked.size());
    index.find(asked, ranges.data());
    for (size_t i = begin; i < end; i++) {
      Span& span = found.spans[i];
      span.count = ranges[i - begin].size();
      span.example = index.position(ranges[i - begin].begin);
    }
  });
  return found;
}

}  // namespace fastlm::ngram::suffix
