#include "level.h"

#include <cmath>

namespace fastlm::ngram {
namespace {

constexpr int kMostTurns = 64;  // a search among them is a few comparisons in the nearest cache
// Words apart are worth their memory where a range is that long, and an n-gram of the level above has so many children.
constexpr uint64_t kLong = 64, kSomeChildren = 1, kManyChildren = 10;
constexpr int kMostLowBits = 8;   // of a compact level
constexpr int kMostOfAWord = 48;  // bits of a record that had better be 64
// What a count that lies apart costs: its bits, and more than them where it is often asked for, as it takes time.
constexpr int kBitsApart = 256, kBitsApartAtEnd = 96;

int bits_for(uint64_t greatest) { return greatest ? int(std::bit_width(greatest)) : 1; }

LevelShape shape_of(const Sections& sections, int n) {
  const Array numbers = find_section(sections, "shape", n);
  if (numbers.width() != sizeof(uint64_t) || numbers.size() != LevelShape::kNumbers) return {};
  return {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4],
          numbers[5], numbers[6], numbers[7], numbers[8], numbers[9]};
}

// Bits of where children begin that are not in unary: as many as cost little more memory than the best number of them,
// so that a look for a 1 passes few 0s.
int low_bits(uint64_t size, uint64_t next) {
  constexpr double kLittle = 0.2;
  const auto cost = [&](int bits) { return bits + std::ldexp(double(next) / double(size), -bits); };
  double least = cost(0);
  for (int bits = 1; bits < kMostLowBits; bits++) least = std::min(least, cost(bits));
  int bits = 0;
  for (int more = 1; more < kMostLowBits; more++)
    if (cost(more) <= least + kLittle) bits = more;
  return bits;
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

int CountSizes::most_bits() const {
  int bits = int(sizes_.size()) - 1;
  while (bits > 0 && sizes_[bits] == 0) bits--;
  return bits;
}

LevelShape choose_shape(const LevelNeeds& needs) {
  LevelShape shape{.size = needs.size, .next = needs.next};
  if (needs.n > 1) shape.word_bits = bits_for(needs.vocabulary - 1);
  const bool compact = needs.layout == Layout::kCompact && needs.n > 1 && needs.next > 0;
  shape.unary = compact, shape.implied = compact && needs.implies_contexts;
  if (needs.contexts > 1 && !shape.implied) shape.context_bits = bits_for(needs.contexts - 1);
  const int room = kMostPackedBits - 1 - int(shape.word_bits + shape.context_bits);
  shape.count_bits = std::clamp(needs.counts.best_bits(needs.next ? kBitsApart : kBitsApartAtEnd), 1, room);
  if (needs.next > 0 && !compact) {  // as few as leave a short list of turns
    const int others = int(shape.word_bits + shape.count_bits + shape.context_bits);
    const int least = std::max(1, bits_for(needs.next) - bits_for(kMostTurns - 1));
    shape.begin_bits =
        others + least <= kMostPackedBits ? least : std::min(bits_for(needs.next), kWholeRecord - others);
  }
  if (compact) shape.begin_bits = low_bits(needs.size, needs.next);
  // Most of a whole word is needed: its rest takes the large counts, which then need no second look.
  const int used = int(shape.word_bits + shape.count_bits + shape.context_bits + shape.begin_bits);
  if (needs.layout == Layout::kFast && needs.n > 1 && needs.next > 0 && used >= kMostOfAWord)
    shape.count_bits = std::max<int>(shape.count_bits,
                                     std::min(int(shape.count_bits) + kWholeRecord - used, needs.counts.most_bits()));
  const uint64_t children = needs.layout == Layout::kCompact ? kManyChildren : kSomeChildren;
  shape.sampled = needs.n > 1 && needs.ranges.longest > kLong && needs.size > children * needs.above;
  if (needs.indexed && needs.layout == Layout::kFast && needs.n > 1 && 2 * needs.ranges.in_long >= needs.size)
    shape.indexed = std::bit_width(needs.ranges.longest);
  return shape;
}

Level::Level(const Sections& sections, int n)
    : shape_(shape_of(sections, n)),
      word_{0, int(shape_.word_bits)},
      count_{int(shape_.word_bits), int(shape_.count_bits)},
      context_{int(shape_.word_bits + shape_.count_bits), int(shape_.context_bits)},
      begin_{int(shape_.word_bits + shape_.count_bits + shape_.context_bits), int(shape_.begin_bits)},
      records_(find_section(sections, "records", n), shape_.bits()),
      samples_(find_section(sections, "samples", n)),
      word_mask_(word_.mask()),
      index_(find_section(sections, "index", n), int(std::min<uint64_t>(shape_.indexed, 63))),
      large_(sections, "large", n),
      wide_(sections, "wide", n),
      high_(find_section(sections, "high", n), find_section(sections, "high_samples", n)) {
  index_turns(find_section(sections, "turns", n));
}

void Level::index_turns(const Array& turns) {
  constexpr int kBlocks = 10;  // bits of their number
  for (uint64_t t = 0; t < turns.size(); t++) turns_.push_back(turns[t]);
  turns_.push_back(~uint64_t(0));
  turn_shift_ = std::max(0, int(std::bit_width(shape_.size)) - kBlocks);
  uint32_t passed = 0;
  for (uint64_t block = 0; block <= shape_.size >> turn_shift_; block++) {
    while (turns_[passed] <= block << turn_shift_) passed++;
    passed_.push_back(passed);
  }
}

uint64_t Level::lower_bound(Range range, Word word) const {
  if (first()) return std::clamp<uint64_t>(word, range.begin, range.end);
  if (range.size() == 0) return range.begin;
  const uint64_t at = last_not_above(range, word);
  return at + (this->word(at) < word);
}

std::string Level::fault(bool last, bool whole) const {
  const uint64_t fields = shape_.word_bits + shape_.count_bits + shape_.context_bits + shape_.begin_bits;
  if (shape_.word_bits > 32 || shape_.count_bits < 1 || shape_.count_bits > 57 || shape_.context_bits > 57 ||
      shape_.begin_bits > 57 || fields > kWholeRecord || shape_.size > uint64_t(1) << 48 ||
      shape_.next > uint64_t(1) << 48 || shape_.sampled > 1 || shape_.unary > 1 || shape_.implied > 1)
    return "records that are none";
  if (records_.array().width() != 1 || records_.bytes() < Records::bytes_of(size() + 1, shape_.bits()))
    return "too few records";
  const bool parents = !last && shape_.next > 0;
  if ((parents ? shape_.begin_bits == 0 && !shape_.unary : shape_.begin_bits > 0) || (shape_.implied && !shape_.unary))
    return "children that do not match the next order";
  if (shape_.sampled && (samples_.width() != sizeof(Word) || samples_.size() != (size() + kSample - 1) / kSample))
    return "words apart that do not match";
  if (shape_.indexed && (first() || !index_.valid(size()))) return "an index that does not match";
  if (!large_.valid(size(), whole)) return "large counts that do not match";
  if (shape_.implied && !wide_.valid(wide_place({shape_.next, 0}), whole)) return "contexts that do not match";
  if (shape_.unary && !high_.valid(size(), shape_.next >> shape_.begin_bits, whole))
    return "children that do not match the next order";
  for (uint64_t t = 0; whole && t + 1 < turns_.size(); t++)
    if (turns_[t] > size() || (t > 0 && turns_[t] < turns_[t - 1])) return "children out of order";
  return whole ? fault_of_records() : "";
}

// What lies apart must be there for each record that asks for it, and for no other.
std::string Level::fault_of_records() const {
  uint64_t large = 0, wide = 0;
  for (uint64_t i = 0; i < size(); i++) {
    const uint64_t block = i / SparseNumbers::kBlock;
    if (count_.of(records_[i]) == count_.mask() &&
        !(large < large_.begin(block + 1) && large_.place(block, large++) == i))
      return "large counts that are missing";
    const Range continued = shape_.unary ? children(i) : Range{};
    if (continued.begin > continued.end || continued.end > shape_.next) return "children out of order";
    if (shape_.implied && is_wide(continued) && !(wide++, wide_.has(wide_place(continued))))
      return "contexts that are missing";
    if (shape_.sampled && i % kSample == 0 && samples_.as<Word>(i / kSample) != word(i))
      return "words apart that do not match";
  }
  if (shape_.implied && wide != wide_.size()) return "contexts without an n-gram";
  return large == large_.size() ? "" : "large counts without an n-gram";
}

LevelWriter::LevelWriter(SectionSink& sink, int n, const LevelShape& shape)
    : sink_(sink), n_(n), shape_(shape), records_(sink, shape.bits()) {
  sink_.begin(section_of("records", n_), 1);
}

void LevelWriter::add(Word word, uint64_t count, uint64_t context, uint64_t children) {
  if (shape_.sampled && i_ % Level::kSample == 0) samples_.push_back(word);
  if (const Range range{begin_, begin_ + children}; shape_.implied && Level::is_wide(range))
    wide_.add(Level::wide_place(range), context);
  const uint64_t most = Field{0, int(shape_.count_bits)}.mask();
  if (count >= most) large_.add(i_, count), count = most;
  put(word, count, context);
  i_++, begin_ += children;
}

void LevelWriter::put(Word word, uint64_t count, uint64_t context) {
  if (shape_.unary)
    high_.add(begin_ >> shape_.begin_bits);
  else
    while (shape_.begin_bits && begin_ >> shape_.begin_bits > turns_.size()) turns_.push_back(i_);
  const uint64_t low = begin_ & Field{0, int(shape_.begin_bits)}.mask();
  uint64_t record = shape_.word_bits ? word : 0;
  record |= count << shape_.word_bits;
  if (shape_.context_bits) record |= context << (shape_.word_bits + shape_.count_bits);
  if (shape_.begin_bits) record |= low << (shape_.word_bits + shape_.count_bits + shape_.context_bits);
  records_.add(record);
}

void LevelWriter::finish() {
  put(0, 0, 0);  // its `begin` ends the last one's children
  records_.finish();
  const std::vector<uint64_t> numbers = {shape_.size,         shape_.next,       shape_.word_bits, shape_.count_bits,
                                         shape_.context_bits, shape_.begin_bits, shape_.sampled,   shape_.unary,
                                         shape_.implied,      shape_.indexed};
  sink_.put(section_of("shape", n_), array_of(numbers));
  if (shape_.sampled) sink_.put(section_of("samples", n_), array_of(samples_));
  if (!turns_.empty()) sink_.put(section_of("turns", n_), packed(turns_));
  large_.finish(sink_, "large", n_, shape_.size);
  if (shape_.implied) wide_.finish(sink_, "wide", n_, Level::wide_place({begin_, begin_}));
  if (shape_.unary) high_.finish(sink_, section_of("high", n_), section_of("high_samples", n_));
}

}  // namespace fastlm::ngram
