// Where words of a text stand: in which of its sources, in which line.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../array.h"

namespace fastlm::ngram::suffix {

// The first index behind those whose number is at most this one; numbers ascend.
inline uint64_t first_above(const Array& numbers, uint64_t number) {
  uint64_t begin = 0;
  for (uint64_t end = numbers.size(); begin < end;) {
    const uint64_t middle = begin + (end - begin) / 2;
    if (numbers[middle] <= number)
      begin = middle + 1;
    else
      end = middle;
  }
  return begin;
}

struct Place {
  std::string_view source;
  uint64_t line;   // from 1
  uint64_t begin;  // the first token of the source
};

// Does not change. Four arrays of a file.
class Lines {
 public:
  struct Arrays {
    Array starts;   // [lines] the token that a line begins with
    Array sources;  // [sources + 1] the first line of each source
    Array names;    // of the sources, characters
    Array ends;     // [sources] of the names
  };

  Lines() = default;
  explicit Lines(Arrays arrays) : arrays_(std::move(arrays)) {}

  const Arrays& arrays() const { return arrays_; }
  size_t sources() const { return arrays_.ends.size(); }
  std::string_view name(size_t source) const {
    const uint64_t begin = source ? arrays_.ends[source - 1] : 0;
    return arrays_.names.text().substr(begin, arrays_.ends[source] - begin);
  }

  Place place_of(uint64_t token) const {
    const uint64_t line = first_above(arrays_.starts, token) - 1;
    const uint64_t source = first_above(arrays_.sources, line) - 1;
    const uint64_t first = arrays_.sources[source];
    return {name(source), line - first + 1, arrays_.starts[first]};
  }

  // What is wrong with arrays that came from a file, or nothing.
  std::optional<std::string> fault(uint64_t tokens) const {
    const auto& [starts, sources, names, ends] = arrays_;
    const auto ascend = [](const Array& numbers) {
      for (size_t i = 1; i < numbers.size(); i++)
        if (numbers[i] < numbers[i - 1]) return false;
      return true;
    };
    if (starts.size() == 0 || starts[0] != 0 || !ascend(starts) || starts[starts.size() - 1] > tokens)
      return "the lines do not ascend";
    if (ends.size() == 0 || !ascend(ends) || ends[ends.size() - 1] != names.size())
      return "the names of the sources do not fill their place";
    if (sources.size() != ends.size() + 1 || sources[0] != 0 || !ascend(sources) ||
        sources[ends.size()] != starts.size())
      return "the sources do not match the lines";
    return std::nullopt;
  }

 private:
  Arrays arrays_;
};

// Grows while a text is read. Every source has a line, an empty one too.
class GrowingLines {
 public:
  bool empty() const { return ends_.empty(); }

  void begin_source(std::string_view name) {
    names_ += name;
    ends_.push_back(names_.size());
    sources_.push_back(starts_.size());
  }
  void begin_line(uint64_t token) { starts_.push_back(token); }
  void end_source(uint64_t token) {
    if (starts_.size() == sources_.back()) begin_line(token);
  }

  Lines finish() && {
    sources_.push_back(starts_.size());
    return Lines({packed(starts_), packed(sources_), array_of(names_), packed(ends_)});
  }

 private:
  std::vector<uint64_t> starts_, sources_, ends_;
  std::string names_;
};

}  // namespace fastlm::ngram::suffix
