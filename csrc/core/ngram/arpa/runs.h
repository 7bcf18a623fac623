// Sorted runs of records in a temporary file, and merging them.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "../temporary_file.h"

namespace fastlm::ngram::arpa {

constexpr size_t kLargestBuffer = 1 << 20;  // bytes

// Records in a buffer, of so much memory.
template <class R>
size_t buffered(size_t memory) {
  return std::max<size_t>(1, std::min(memory, kLargestBuffer) / sizeof(R));
}

struct Run {
  uint64_t begin = 0, end = 0;  // records of a file
};

// Appends records to a file through a buffer.
template <class R>
class RunWriter {
 public:
  RunWriter(TemporaryFile& file, size_t memory) : file_(file) { buffer_.reserve(buffered<R>(memory)); }

  void add(const R& record) {
    if (buffer_.size() == buffer_.capacity()) flush();
    buffer_.push_back(record);
  }
  void flush() {
    file_.append(buffer_.data(), buffer_.size() * sizeof(R));
    buffer_.clear();
  }

 private:
  TemporaryFile& file_;
  std::vector<R> buffer_;
};

template <class R>
class RunReader {
 public:
  RunReader(const TemporaryFile& file, Run run, size_t memory)
      : file_(&file), run_(run), buffered_(buffered<R>(memory)) {
    fill();
  }

  explicit operator bool() const { return at_ < buffer_.size(); }
  const R& operator*() const { return buffer_[at_]; }
  void advance() {
    if (++at_ == buffer_.size()) fill();
  }

 private:
  void fill() {
    buffer_.resize(std::min<uint64_t>(buffered_, run_.end - run_.begin)), at_ = 0;
    file_->read(buffer_.data(), buffer_.size() * sizeof(R), run_.begin * sizeof(R));
    run_.begin += buffer_.size();
  }

  const TemporaryFile* file_;
  Run run_;
  size_t buffered_;
  std::vector<R> buffer_;
  size_t at_ = 0;
};

// Gives the records of some runs to take(record) in their order; of equal ones that of the earlier run first.
template <class R, class Take>
void merge(const TemporaryFile& file, const Run* first, const Run* last, size_t memory, Take&& take) {
  std::vector<RunReader<R>> readers;
  readers.reserve(size_t(last - first));
  for (const Run* run = first; run != last; run++) readers.emplace_back(file, *run, memory / size_t(last - first));
  std::vector<size_t> heap;  // the reader with the least record on top
  for (size_t i = 0; i < readers.size(); i++)
    if (readers[i]) heap.push_back(i);
  const auto later = [&](size_t a, size_t b) {
    if (*readers[a] < *readers[b]) return false;
    return *readers[b] < *readers[a] || a > b;
  };
  std::make_heap(heap.begin(), heap.end(), later);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    RunReader<R>& reader = readers[heap.back()];
    take(*reader);
    reader.advance();
    if (reader)
      std::push_heap(heap.begin(), heap.end(), later);
    else
      heap.pop_back();
  }
}

}  // namespace fastlm::ngram::arpa
