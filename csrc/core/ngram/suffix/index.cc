#include "index.h"

#include <algorithm>
#include <bit>

#include "../../prefetch.h"

namespace fastlm::ngram::suffix {
namespace {

constexpr size_t kTogether = 16;  // searches that wait for memory side by side

uint64_t eight_bytes(const std::byte* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

// Equal bytes from the first on, of which `known` need no look. Both are padded.
size_t common_bytes(const std::byte* a, const std::byte* b, size_t known, size_t size) {
  constexpr size_t kBlock = 512;
  size_t i = known;
  while (i + kBlock <= size && std::memcmp(a + i, b + i, kBlock) == 0) i += kBlock;  // repeated text
  for (; i < size; i += 8)
    if (const uint64_t differ = eight_bytes(a + i) ^ eight_bytes(b + i))
      return std::min(size, i + size_t(std::countr_zero(differ)) / 8);
  return size;
}

}  // namespace

Word Index::id(std::string_view word) const {
  const Word id = vocabulary_.find(word);
  return id == kUnknown && word != kSpecialWords[kUnknown] ? kNoWord : id;
}

std::vector<std::byte> Index::pattern(std::span<const Word> words) const {
  const size_t width = arrays_.tokens.width();
  std::vector<std::byte> bytes(words.size() * width + Array::kPadding);
  for (size_t i = 0; i < words.size(); i++) std::memcpy(bytes.data() + i * width, &words[i], width);
  return bytes;
}

Word Index::word(Pattern pattern, size_t n) const {
  Word word = 0;
  std::memcpy(&word, pattern.bytes + n * arrays_.tokens.width(), arrays_.tokens.width());
  return word;
}

Search Index::search(Pattern pattern) const {
  const Range range = bucket(word(pattern, 0));
  return {pattern, range.begin, range.end, 1, 1};  // in between, all have the first word
}

// Each step asks for the memory of all the searches before it looks at that of the first.
void Index::run(std::span<Search> searches) const {
  const auto& [tokens, positions, firsts, documents] = arrays_;
  for (bool busy = true; busy;) {
    busy = false;
    for (Search& s : searches) {
      if (s.begin >= s.end) continue;
      busy = true;
      s.middle = s.stride ? std::min(s.begin + s.stride, s.end) - 1 : s.begin + (s.end - s.begin) / 2;
      fastlm::prefetch(positions.data() + s.middle * positions.width());
    }
    for (Search& s : searches) {
      if (s.begin >= s.end) continue;
      s.position = positions[s.middle];
      fastlm::prefetch(tokens.data() + (s.position + std::min(s.left, s.right)) * tokens.width());
    }
    for (Search& s : searches)
      if (s.begin < s.end) decide(s);
  }
}

// Compares the pattern with what stands in the middle: from there on where both bounds have agreed with it.
void Index::decide(Search& s) const {
  const size_t width = arrays_.tokens.width();
  const size_t size = std::min<size_t>(s.pattern.words, tokens() - s.position) * width;
  const size_t common = common_bytes(arrays_.tokens.data() + s.position * width, s.pattern.bytes,
                                     std::min(s.left, s.right) * width, size) /
                        width;
  const bool less = common == s.pattern.words         ? s.behind
                    : s.position + common == tokens() ? true
                                                      : word(s.position + common) < word(s.pattern, common);
  if (less)
    s.begin = s.middle + 1, s.left = common, s.stride *= 2;
  else
    s.end = s.middle, s.right = common, s.stride = 0;
}

void Index::find(std::span<const Pattern> patterns, Range* ranges) const {
  for (; !patterns.empty(); patterns = patterns.subspan(std::min(kTogether, patterns.size()))) {
    std::vector<Search> searches;
    for (const Pattern& pattern : patterns.first(std::min(kTogether, patterns.size())))
      searches.push_back(search(pattern));
    const size_t some = searches.size();
    for (size_t i = 0; i < some; i++) {
      ranges[i] = {searches[i].begin, searches[i].end};
      if (searches[i].pattern.words == 1) searches[i].begin = searches[i].end;
    }
    run(searches);
    for (size_t i = 0; i < some; i++) {  // from the first one to the first behind the last one
      Search& s = searches[i];
      if (s.pattern.words == 1) continue;
      const bool found = s.right == s.pattern.words;
      const uint64_t first = s.begin, end = ranges[i].end;
      ranges[i] = {first, first};
      s = {s.pattern, first + found, found ? end : first, s.pattern.words, 1, true, 1};
    }
    run(searches);
    for (size_t i = 0; i < some; i++)
      if (searches[i].pattern.words > 1) ranges[i].end = searches[i].begin;
    ranges += some;
  }
}

Range Index::find(Pattern pattern) const {
  Range range;
  find(std::span(&pattern, 1), &range);
  return range;
}

Range Index::find(std::span<const Word> ngram) const {
  const std::vector<Word> words(ngram.begin(), ngram.end());
  return find_all(std::span(&words, 1))[0];
}

std::vector<Range> Index::find_all(std::span<const std::vector<Word>> ngrams) const {
  std::vector<Range> ranges(ngrams.size()), found;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<Pattern> patterns;
  std::vector<size_t> asked;
  for (size_t i = 0; i < ngrams.size(); i++) {
    const std::vector<Word>& ngram = ngrams[i];
    if (ngram.empty())
      ranges[i] = all();
    else if (bucket(ngram.back()).size() > 0 &&
             std::all_of(ngram.begin(), ngram.end() - 1, [&](Word word) { return goes_on(word); })) {
      bytes.push_back(pattern(ngram));
      patterns.push_back({bytes.back().data(), ngram.size()});
      asked.push_back(i);
    }
  }
  found.resize(patterns.size());
  find(patterns, found.data());
  for (size_t i = 0; i < asked.size(); i++) ranges[asked[i]] = found[i];
  return ranges;
}

void Index::common_words(std::span<const Pattern> patterns, uint64_t* words) const {
  for (; !patterns.empty(); patterns = patterns.subspan(std::min(kTogether, patterns.size()))) {
    std::vector<Search> searches;
    for (const Pattern& pattern : patterns.first(std::min(kTogether, patterns.size())))
      searches.push_back(search(pattern));
    run(searches);
    for (const Search& s : searches) *words++ = std::max(s.left, s.right);  // the best of its two neighbours
  }
}

LongestMatch Index::longest_match(std::span<const Word> context) const {
  size_t usable = 0;
  while (usable < context.size() && goes_on(context[context.size() - 1 - usable])) usable++;
  const std::vector<std::byte> bytes = pattern(context.last(usable));
  const auto find_last = [&](size_t words) {
    return find(Pattern{bytes.data() + (usable - words) * arrays_.tokens.width(), words});
  };
  LongestMatch best{0, all()};
  size_t too_many = usable + 1;
  for (size_t words = 1; best.words + 1 < too_many;) {
    const Range range = find_last(words);
    if (range.size() > 0)
      best = {words, range};
    else
      too_many = words;
    words = too_many > usable ? std::min<size_t>(2 * words, usable) : best.words + (too_many - best.words) / 2;
  }
  return best;
}

Followers Index::followers(Range range, size_t words) const {
  Followers followers;
  const auto add = [&](Word word, uint64_t count) {
    followers.words.push_back(word), followers.counts.push_back(count);
  };
  if (words == 0) {
    for (Word word = 0; word < vocabulary_.size(); word++)
      if (const uint64_t count = bucket(word).size()) add(word, count);
    return followers;
  }
  const auto word_of = [&](uint64_t i) { return word(position(i) + words); };
  for (uint64_t begin = range.begin, end; begin < range.end; begin = end) {
    const Word word = word_of(begin);
    uint64_t known = begin, stride = 1;  // the last one that is known to have the word
    for (end = range.end; known + 1 < end;) {
      const uint64_t i = stride ? std::min(known + stride, end - 1) : known + (end - known) / 2;
      if (word_of(i) == word)
        known = i, stride *= 2;
      else
        end = i, stride = 0;
    }
    add(word, end - begin);
  }
  return followers;
}

std::vector<uint64_t> Index::occurrences(Range range, uint64_t limit) const {
  std::vector<uint64_t> found(range.size());
  for (uint64_t i = 0; i < range.size(); i++) found[i] = position(range.begin + i);
  const uint64_t kept = limit ? std::min<uint64_t>(limit, found.size()) : found.size();
  std::partial_sort(found.begin(), found.begin() + kept, found.end());
  found.resize(kept);
  return found;
}

std::vector<FoundDocument> Index::found_documents(Range range) const {
  std::vector<FoundDocument> found;
  uint64_t end = 0;
  for (const uint64_t position : occurrences(range, 0)) {
    if (position >= end) {
      found.push_back({document_of(position), 0, position});
      end = document(found.back().document).end;
    }
    found.back().count++;
  }
  return found;
}

std::optional<std::string> Index::fault(bool whole) const {
  const auto& [tokens, positions, firsts, documents] = arrays_;
  if (tokens.size() == 0 || tokens.width() > int(sizeof(Word)) || positions.size() != tokens.size())
    return "has tokens and positions that do not match";
  if (firsts.size() != vocabulary_.size() + 1 || firsts[0] != 0 || firsts[vocabulary_.size()] != tokens.size())
    return "has a vocabulary that does not match its positions";
  if (documents.size() < 2 || documents[0] != 0 || documents[documents.size() - 1] != tokens.size())
    return "has documents that do not match its tokens";
  if (!whole) return std::nullopt;
  if (const auto fault = lines_.fault(tokens.size())) return fault;
  if (const auto fault = order_fault()) return fault;
  for (uint64_t i = 0; i < this->documents(); i++)
    if (document(i).begin >= document(i).end || document(i).end > this->tokens() || word(document(i).end - 1) != kEnd)
      return "has documents that do not end where their tokens do";
  return bucket(kEnd).size() == this->documents() ? std::nullopt : std::optional("has more ends than documents");
}

// Whether each position comes once, in the bucket of its word, and after those that are less in the first few words.
std::optional<std::string> Index::order_fault() const {
  constexpr int kCheckedWords = 8;
  constexpr uint64_t kAhead = 16;
  const auto& [tokens, positions, firsts, documents] = arrays_;
  if (word(tokens.size() - 1) != kEnd) return "has a last document without an end";
  const auto before = [&](uint64_t a, uint64_t b) {
    for (int n = 0; n < kCheckedWords; n++) {
      const Word left = word(a + n), right = word(b + n);
      if (left != right) return left < right;
      if (left == kEnd) return a < b;
    }
    return true;
  };
  std::vector<bool> seen(tokens.size());
  for (Word word = 0; word < vocabulary_.size(); word++) {
    const Range range{firsts[word], firsts[word + 1]};
    if (range.begin > range.end || range.end > tokens.size()) return "has words that do not ascend";
    for (uint64_t i = range.begin; i < range.end; i++) {
      if (const uint64_t ahead = i + kAhead; ahead < tokens.size())
        if (positions[ahead] < tokens.size()) fastlm::prefetch(tokens.data() + positions[ahead] * tokens.width());
      const uint64_t position = positions[i];
      if (position >= tokens.size() || this->word(position) != word || seen[position])
        return "has positions that are not those of its words";
      seen[position] = true;
      if (i > range.begin && !before(positions[i - 1], position)) return "has positions that are not sorted";
    }
  }
  return std::nullopt;
}

}  // namespace fastlm::ngram::suffix
