#include "sorter.h"

#include <optional>

#include "flag_sort.h"
#include "runs.h"

namespace fastlm::ngram::arpa {
namespace {

constexpr size_t kBlock = 4096;         // n-grams in a block of a source
constexpr size_t kLeastRecords = 64;    // that a sorter holds, however little memory it has
constexpr size_t kMostRuns = 256;       // merged at once
constexpr size_t kPollEvery = 1 << 16;  // records

// Sorted records, of a file or in memory.
template <int kKeys>
struct Storage {
  std::vector<Record<kKeys>> records;
  std::unique_ptr<TemporaryFile> file;
  uint64_t size = 0;
  std::shared_ptr<void> held = {};  // memory
};

template <int kKeys>
class StorageSource : public Source {
 public:
  using R = Record<kKeys>;

  StorageSource(std::shared_ptr<const Storage<kKeys>> storage, const Packing& packing)
      : storage_(std::move(storage)), packing_(packing) {}

  Ngrams next() override {
    const size_t size = std::min<uint64_t>(kBlock, storage_->size - at_);
    const R* records = storage_->records.data() + at_;
    if (storage_->file) {
      read_.resize(size);
      storage_->file->read(read_.data(), size * sizeof(R), at_ * sizeof(R));
      records = read_.data();
    }
    at_ += size;
    words_.resize(size * packing_.order()), probability_.resize(size), backoff_.resize(size);
    for (size_t i = 0; i < size; i++) {
      packing_.unpack(records[i].key, words_.data() + i * packing_.order());
      probability_[i] = records[i].probability, backoff_[i] = records[i].backoff;
    }
    return {words_, probability_, backoff_};
  }

 private:
  std::shared_ptr<const Storage<kKeys>> storage_;
  Packing packing_;
  uint64_t at_ = 0;
  std::vector<R> read_;
  std::vector<Word> words_;
  std::vector<float> probability_, backoff_;
};

template <int kKeys>
class SorterOf : public Sorter {
 public:
  using R = Record<kKeys>;

  SorterOf(const Packing& packing, uint64_t expected, const Memory& memory, int sorters, const SortOptions& options,
           Duplicate duplicate)
      : packing_(packing),
        memory_(memory),
        capacity_(std::max(kLeastRecords, memory.share(sorters) / sizeof(R))),
        options_(options),
        duplicate_(std::move(duplicate)) {
    try {
      records_.reserve(std::min<uint64_t>(expected, capacity_));
    } catch (const std::exception&) {  // fewer may come: a header says what it likes
    }
  }

  void add(const Item& item) override {
    if (++added_ % kPollEvery == 0) poll();
    if (records_.size() == capacity_) spill();
    if (records_.size() == records_.capacity())
      records_.reserve(std::min(capacity_, std::max(kLeastRecords, 2 * records_.size())));
    R& record = records_.emplace_back();  // zeros
    packing_.pack(item.words, record.key);
    record.probability = item.probability, record.backoff = item.backoff, record.line = item.line;
  }

  Level finish() override {
    auto storage = std::make_shared<Storage<kKeys>>();
    if (!file_ && memory_.has_room(records_.size() * sizeof(R))) {
      sort();
      storage->size = records_.size();
      if (records_.capacity() > records_.size() + records_.size() / 4) records_.shrink_to_fit();
      storage->records = std::move(records_);
      storage->held = memory_.hold(storage->size * sizeof(R));
    } else {
      spill();
      records_ = {};
      while (runs_.size() > 1) merge_runs();
      storage->size = runs_.empty() ? 0 : runs_[0].end;
      storage->file = std::move(file_);
    }
    return {packing_.order(), storage->size,
            [storage, packing = packing_] { return std::make_unique<StorageSource<kKeys>>(storage, packing); }};
  }

 private:
  void poll() const {
    if (options_.poll) options_.poll();
  }

  void tell(const R& first, const R& second) const {
    if (!duplicate_) return;
    Word words[kMaxOrder];
    packing_.unpack(first.key, words);
    const auto item = [&](const R& r) { return Item{words, r.probability, r.backoff, r.line}; };
    duplicate_(item(first), item(second));
  }

  // Sorts what is in memory; equal ones remain once.
  void sort() {
    poll();
    if (!std::is_sorted(records_.begin(), records_.end()))
      flag_sort(records_.data(), records_.data() + records_.size());
    size_t kept = 0;
    for (size_t i = 0; i < records_.size(); i++) {
      if (kept > 0 && records_[i].same_words(records_[kept - 1]))
        tell(records_[kept - 1], records_[i]);
      else
        records_[kept++] = records_[i];
    }
    records_.resize(kept);
  }

  void spill() {
    sort();
    if (!file_) file_ = std::make_unique<TemporaryFile>(options_.folder);
    const uint64_t begin = file_->size() / sizeof(R), end = begin + records_.size();
    if (!records_.empty()) {
      // what came sorted is one run
      if (!runs_.empty() && last_ && *last_ < records_.front())
        runs_.back().end = end;
      else
        runs_.push_back({begin, end});
      last_ = records_.back();
    }
    file_->append(records_.data(), records_.size() * sizeof(R));
    records_.clear();
  }

  // Merges neighbours, so that each run and those before it hold what came earlier.
  void merge_runs() {
    auto merged = std::make_unique<TemporaryFile>(options_.folder);
    const size_t memory = capacity_ * sizeof(R);
    std::vector<Run> longer;
    uint64_t written = 0;
    for (size_t first = 0; first < runs_.size(); first += kMostRuns) {
      RunWriter<R> writer(*merged, memory / 2);
      std::optional<R> previous;
      const uint64_t begin = written;
      const Run* const runs = runs_.data() + first;
      merge<R>(*file_, runs, runs + std::min(kMostRuns, runs_.size() - first), memory / 2, [&](const R& record) {
        if (previous && record.same_words(*previous)) return tell(*previous, record);
        writer.add(record);
        previous = record;
        if (++written % kPollEvery == 0) poll();
      });
      writer.flush();
      longer.push_back({begin, written});
    }
    file_ = std::move(merged), runs_ = std::move(longer);
  }

  Packing packing_;
  const Memory& memory_;
  size_t capacity_;  // records in memory
  uint64_t added_ = 0;
  SortOptions options_;
  Duplicate duplicate_;
  std::vector<R> records_;
  std::unique_ptr<TemporaryFile> file_;
  std::vector<Run> runs_;
  std::optional<R> last_;  // of the last run
};

// The sorter of the least record that has room for so many keys.
template <int kKeys, int... kMore>
std::unique_ptr<Sorter> make_for(int keys, auto&&... arguments) {
  if constexpr (sizeof...(kMore) > 0)
    if (keys > kKeys) return make_for<kMore...>(keys, std::forward<decltype(arguments)>(arguments)...);
  return std::make_unique<SorterOf<kKeys>>(std::forward<decltype(arguments)>(arguments)...);
}

}  // namespace

std::unique_ptr<Sorter> Sorter::make(int order, uint64_t vocabulary, uint64_t expected, const Memory& memory,
                                     int sorters, const SortOptions& options, Duplicate duplicate) {
  const Packing packing(order, vocabulary);
  static_assert(kMaxOrder <= 32);
  return make_for<1, 2, 3, 4, 5, 6, 8, 12, 16, 24, 32>(packing.keys(), packing, expected, memory, sorters, options,
                                                       std::move(duplicate));
}

}  // namespace fastlm::ngram::arpa
