#include "level.h"

namespace fastlm::ngram {
namespace {

constexpr int kMostTurns = 64;      // a search among them is a few comparisons in the nearest cache
constexpr uint64_t kLong = 64;      // ranges that samples are worth their memory for
constexpr int kLineOfSamples = 16;  // words in a cache line
// What a count that lies apart costs: its bits, and more than them where it is often asked for, as it takes time.
constexpr int kBitsApart = 256, kBitsApartAtEnd = 96;

int bits_for(uint64_t greatest) { return greatest ? int(std::bit_width(greatest)) : 1; }

Array find_section(const Sections& sections, const char* what, int n) {
  const auto found = sections.find(section_of(what, n));
  return found == sections.end() ? Array() : found->second;
}

}  // namespace

void CountSizes::add(const CountSizes& other) {
  for (size_t i = 0; i < sizes_.size(); i++) sizes_[i] += other.sizes_[i];
}

int CountSizes::best_bits(int bits_apart) const {
  uint64_t all = 0, apart = 0, least = ~uint64_t(0);
  for (uint64_t size : sizes_) all += size;
  int best = 1;
  for (int bits = 32; bits >= 1; bits--) {
    apart = 0;
    for (size_t size = bits + 1; size < sizes_.size(); size++) apart += sizes_[size];
    const uint64_t cost = all * bits + apart * bits_apart;
    if (cost <= least) least = cost, best = bits;
  }
  return best;
}

LevelShape choose_shape(const LevelNeeds& needs) {
  LevelShape shape{.size = needs.size, .next = needs.next};
  if (needs.n > 1) shape.word_bits = bits_for(needs.vocabulary - 1);
  if (needs.contexts > 1) shape.context_bits = bits_for(needs.contexts - 1);
  const int room = kMostPackedBits - 1 - int(shape.word_bits + shape.context_bits);
  shape.count_bits = std::clamp(needs.counts.best_bits(needs.next ? kBitsApart : kBitsApartAtEnd), 1, room);
  if (needs.next > 0) {  // as few as leave a short list of turns
    const int others = int(shape.word_bits + shape.count_bits + shape.context_bits);
    const int least = std::max(1, bits_for(needs.next) - bits_for(kMostTurns - 1));
    shape.begin_bits =
        others + least <= kMostPackedBits ? least : std::min(bits_for(needs.next), kWholeRecord - others);
  }
  shape.sampled = needs.n > 1 && needs.longest_range > kLong;
  return shape;
}

uint64_t LargeCounts::operator[](uint64_t i) const {
  uint64_t at = blocks_[i / kBlock];
  for (uint64_t size = blocks_[i / kBlock + 1] - at; size > 0;) {
    const uint64_t half = size / 2;
    if (at_[at + half] < i)
      at += half + 1, size -= half + 1;
    else
      size = half;
  }
  return counts_[at];
}

bool LargeCounts::valid(uint64_t level_size) const {
  if (at_.size() != counts_.size() || blocks_.size() != (level_size + kBlock - 1) / kBlock + 1) return false;
  uint64_t at = 0;
  for (uint64_t block = 0; block + 1 < blocks_.size(); block++) {
    if (blocks_[block] != at || blocks_[block + 1] > at_.size()) return false;
    for (; at < blocks_[block + 1]; at++)
      if (at_[at] / kBlock != block || (at > 0 && at_[at] <= at_[at - 1])) return false;
  }
  return at == at_.size();
}

Level::Level(const LevelShape& shape, const Array& records, const Array& samples, const Array& turns, LargeCounts large)
    : shape_(shape),
      word_{0, int(shape.word_bits)},
      count_{int(shape.word_bits), int(shape.count_bits)},
      context_{int(shape.word_bits + shape.count_bits), int(shape.context_bits)},
      begin_{int(shape.word_bits + shape.count_bits + shape.context_bits), int(shape.begin_bits)},
      records_(records, shape.bits()),
      samples_(samples),
      turns_(turns),
      large_(std::move(large)) {}

Range Level::children_of(uint64_t record, uint64_t i) const {
  if (begin_.bits == 0) return {0, 0};
  uint64_t high = 0;  // turns at or before i
  for (uint64_t size = turns_.size(); size > 0;) {
    const uint64_t half = size / 2;
    if (turns_[high + half] <= i)
      high += half + 1, size -= half + 1;
    else
      size = half;
  }
  const uint64_t begin = high << begin_.bits | begin_.of(record);
  while (high < turns_.size() && turns_[high] == i + 1) high++;
  return {begin, high << begin_.bits | begin_.of(records_[i + 1])};
}

uint64_t Level::lower_bound(Range range, Word word) const {
  if (first()) return std::clamp<uint64_t>(word, range.begin, range.end);
  uint64_t begin = range.begin, size = range.size();
  if (shape_.sampled && size > 2 * kSample) {
    // the last sample that is below the word
    uint64_t at = (range.begin + kSample - 1) / kSample, left = (range.end + kSample - 1) / kSample - at;
    while (left > 0) {
      const uint64_t half = left / 2;
      const bool below = samples_.as<Word>(at + half) < word;
      at = below ? at + half + 1 : at;
      left = below ? left - half - 1 : half;
    }
    begin = std::max(range.begin, at ? (at - 1) * kSample : 0);
    size = std::min(range.end, at * kSample) - begin;
  }
  while (size > 0) {
    const uint64_t half = size / 2;
    const bool below = word_.of(records_[begin + half]) < word;
    begin = below ? begin + half + 1 : begin;
    size = below ? size - half - 1 : half;
  }
  return begin;
}

void Level::prefetch(Range range) const {
  if (range.size() == 0) return;
  if (shape_.sampled && range.size() > 2 * kSample) {
    const uint64_t middle = (range.begin + range.end) / (2 * kSample);
    __builtin_prefetch(samples_.data() + middle * sizeof(Word));
    if (range.size() < 4 * kSample * kLineOfSamples) return;
    __builtin_prefetch(samples_.data() + (range.begin / kSample + range.size() / (4 * kSample)) * sizeof(Word));
    return;
  }
  records_.prefetch(range.begin);
  records_.prefetch(range.end);
}

std::string Level::fault(bool last, bool whole) const {
  const uint64_t fields = shape_.word_bits + shape_.count_bits + shape_.context_bits + shape_.begin_bits;
  if (shape_.word_bits > 32 || shape_.count_bits < 1 || shape_.count_bits > 57 || shape_.context_bits > 57 ||
      shape_.begin_bits > 57 || fields > kWholeRecord || shape_.size > uint64_t(1) << 48 ||
      shape_.next > uint64_t(1) << 48)
    return "records that are none";
  if (records_.array().width() != 1 || records_.bytes() < Records::bytes_of(size() + 1, shape_.bits()))
    return "too few records";
  if ((shape_.begin_bits == 0) != (last || shape_.next == 0)) return "children that do not match the next order";
  if (shape_.sampled > 1 ||
      (shape_.sampled && (samples_.width() != sizeof(Word) || samples_.size() != (size() + kSample - 1) / kSample)))
    return "words apart that do not match";
  if (!large_.valid(size())) return "large counts that do not match";
  for (uint64_t t = 0; t < turns_.size(); t++)
    if (turns_[t] > size() || (t > 0 && turns_[t] < turns_[t - 1])) return "children out of order";
  if (!whole) return {};
  uint64_t large = 0;
  for (uint64_t i = 0; i < size(); i++) {
    if (count_.of(records_[i]) == count_.mask() && (large == large_.at().size() || large_.at()[large++] != i))
      return "large counts that are missing";
    if (shape_.sampled && i % kSample == 0 && samples_.as<Word>(i / kSample) != word(i))
      return "words apart that do not match";
  }
  return large == large_.at().size() ? "" : "large counts without an n-gram";
}

LevelWriter::LevelWriter(SectionSink& sink, int n, const LevelShape& shape)
    : sink_(sink), n_(n), shape_(shape), records_(sink, shape.bits()) {
  sink_.begin(section_of("records", n_), 1);
}

void LevelWriter::add(Word word, uint64_t count, uint64_t context, uint64_t children) {
  if (shape_.sampled && i_ % Level::kSample == 0) samples_.push_back(word);
  if (i_ % LargeCounts::kBlock == 0) blocks_.push_back(large_at_.size());
  const uint64_t most = Field{0, int(shape_.count_bits)}.mask();
  if (count >= most) large_at_.push_back(i_), large_counts_.push_back(count), count = most;
  while (shape_.begin_bits && begin_ >> shape_.begin_bits > turns_.size()) turns_.push_back(i_);
  const uint64_t low = begin_ & Field{0, int(shape_.begin_bits)}.mask();
  uint64_t record = shape_.word_bits ? word : 0;
  record |= count << shape_.word_bits;
  if (shape_.context_bits) record |= context << (shape_.word_bits + shape_.count_bits);
  if (shape_.begin_bits) record |= low << (shape_.word_bits + shape_.count_bits + shape_.context_bits);
  records_.add(record);
  i_++, begin_ += children;
}

void LevelWriter::finish() {
  const bool sampled = shape_.sampled;
  shape_.sampled = false;
  add(0, 0, 0, 0);  // its `begin` ends the last one's children
  shape_.sampled = sampled;
  records_.finish();
  if (blocks_.size() == (shape_.size + LargeCounts::kBlock - 1) / LargeCounts::kBlock) blocks_.push_back(0);
  blocks_.back() = large_at_.size();
  const uint64_t numbers[LevelShape::kNumbers] = {shape_.size,       shape_.next,         shape_.word_bits,
                                                  shape_.count_bits, shape_.context_bits, shape_.begin_bits,
                                                  shape_.sampled};
  sink_.put(section_of("shape", n_), array_of(numbers, LevelShape::kNumbers));
  if (sampled) sink_.put(section_of("samples", n_), array_of(samples_));
  if (!turns_.empty()) sink_.put(section_of("turns", n_), packed(turns_));
  sink_.put(section_of("large", n_), packed(large_at_));
  sink_.put(section_of("large_counts", n_), packed(large_counts_));
  sink_.put(section_of("large_blocks", n_), packed(blocks_));
}

std::string section_of(const char* what, int n) { return what + std::string(".") + std::to_string(n); }

Level level_of(const Sections& sections, int n) {
  LevelShape shape;
  const Array numbers = find_section(sections, "shape", n);
  if (numbers.width() == sizeof(uint64_t) && numbers.size() == LevelShape::kNumbers)
    shape = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], numbers[6]};
  return Level(shape, find_section(sections, "records", n), find_section(sections, "samples", n),
               find_section(sections, "turns", n),
               LargeCounts(find_section(sections, "large", n), find_section(sections, "large_counts", n),
                           find_section(sections, "large_blocks", n)));
}

}  // namespace fastlm::ngram
