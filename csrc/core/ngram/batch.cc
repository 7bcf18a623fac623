#include "batch.h"

#include "clones.h"
#include "log10.h"

namespace fastlm::ngram {

BatchScorer::BatchScorer()
    : shorter_(kPiece + 1),
      longer_(kPiece + 1),
      searches_(kPiece + kLanes),
      long_(kPiece + kLanes),
      probes_(kPiece + 1),
      hits_(kPiece + 1),
      p_(kPiece),
      known_(kPiece) {}

void BatchScorer::score(const Model& model, std::span<const Word> words, std::span<const uint8_t> before, float* log10,
                        uint8_t* order) {
  model_ = &model;
  mixes_ = model.unseen() == Unseen::kShorter;
  last_.assign(model.order() + 1, {});
  for (size_t i = 0; i < words.size(); i += kPiece)
    score_piece(words.subspan(i, std::min(kPiece, words.size() - i)), before.data() + i, log10 + i, order + i);
}

FASTLM_CLONED void BatchScorer::score_piece(std::span<const Word> words, const uint8_t* before, float* log10,
                                            uint8_t* order) {
  const int highest = model_->order();
  unigrams(words, order);
  std::fill_n(known_.begin(), words.size(), 1.0f);
  for (int n = 2; n <= highest; n++) {
    std::swap(shorter_, longer_);
    shorter_[0] = last_[n - 1], last_[n - 1] = shorter_[words.size()];
    contexts(n, words, before, order);
    const Level& level = model_->table().trie().level(n);
    if (n < highest)
      probe<true>(level, n, order), search<true>(level, n, order), follow(level, model_->table().trie().level(n + 1));
    else
      probe<false>(level, n, order), search<false>(level, n, order);
  }
  if (!mixes_) {
    const float unseen = model_->unseen() == Unseen::kUniform ? model_->uniform() : 0;
    for (size_t i = 0; i < words.size(); i++)
      if (order[i] <= std::min<int>(before[i], highest - 1)) p_[i] = unseen * known_[i];
  }
  for (size_t i = 0; i < words.size(); i++) log10[i] = fast_log10(p_[i]);
}

void BatchScorer::unigrams(std::span<const Word> words, uint8_t* order) {
  const Level& level = model_->table().trie().level(1);
  const bool inner = model_->order() > 1;
  for (size_t i = 0; i < words.size(); i++) {
    order[i] = 1, p_[i] = model_->unigram(words[i]);
    if (!inner) continue;
    const Level::Entry entry = level.entry_without_count(words[i]);
    longer_[i + 1] = {entry.children, entry.context};
    model_->table().trie().level(2).prefetch(entry.children);
  }
}

// What the contexts of n - 1 words do with the words that were not seen after them, and which ones are to be searched.
void BatchScorer::contexts(int n, std::span<const Word> words, const uint8_t* before, const uint8_t* order) {
  const Level& level = model_->table().trie().level(n);
  const WordIndex& index = level.index();
  const float absent = model_->absent();
  const bool scales = mixes_ || model_->interpolates();
  Search *few = searches_.data(), *many = long_.data();
  Probe* probe = probes_.data();
  for (size_t i = 0; i < words.size(); i++) {
    longer_[i + 1] = Context{};
    if (before[i] < n - 1) continue;
    const Context& context = shorter_[i];
    if (context.number == Context::kAbsent) {
      p_[i] *= absent;
      continue;
    }
    const Range range = context.range;
    const StoredWeights weights = model_->weights(n - 1, context.number, range);
    if (!mixes_ && (before[i] == n - 1 || n == model_->order())) known_[i] = weights.unseen;
    if (scales) p_[i] *= weights.unseen;
    if (order[i] < n - 1 || range.size() == 0) continue;
    Search search{range, words[i], uint32_t(i), weights.scale};
    if (index.holds(range)) {
      const uint64_t slot = WordIndex::home(range, words[i]);
      index.prefetch(slot);
      *probe++ = {search, slot, range.end};
      continue;
    }
    search.range = Level::possible(range, words[i]);
    Search*& list = search.range.size() > Level::kSample ? many : few;
    *list++ = search;
  }
  searching_ = few - searches_.data(), narrowing_ = many - long_.data(), probing_ = probe - probes_.data();
}

// Long ranges to a few places each, by the words that lie apart if there are any, and asks for the memory of these.
void BatchScorer::narrow(const Level& level) {
  const bool apart = level.shape().sampled;
  const int shift = apart ? std::countr_zero(Level::kSample) : 0;  // from places to steps of the search
  const uint64_t enough = Level::kSample >> shift;
  for (size_t lane = narrowing_; lane % kLanes != 0; lane++) long_[lane] = long_[narrowing_ - 1];
  for (size_t s = 0; s < narrowing_; s += kLanes) {
    const Search* const searches = long_.data() + s;
    uint64_t at[kLanes], left[kLanes], most = 0;
    for (size_t k = 0; k < kLanes; k++) {
      const Range range = searches[k].range;
      at[k] = range.begin >> shift;
      left[k] = ((range.end - 1) >> shift) - at[k] + 1;
      most = std::max(most, left[k]);
    }
    for (; most > enough; most -= most / 2)
      for (size_t k = 0; k < kLanes; k++) {
        const uint64_t half = left[k] > enough ? left[k] / 2 : 0, middle = at[k] + half;
        at[k] = (apart ? level.sample(middle) : level.word_of(middle)) <= searches[k].word ? middle : at[k];
        left[k] -= half;
      }
    for (size_t k = 0; k < std::min(kLanes, narrowing_ - s); k++) {
      Search& search = searches_[searching_++] = searches[k];
      auto& [begin, end] = search.range;
      begin = std::max(begin, at[k] << shift), end = std::min(end, (at[k] + left[k]) << shift);
      level.prefetch_records(begin, end);
    }
  }
}

template <bool kInner>
void BatchScorer::probe(const Level& level, int n, uint8_t* order) {
  const WordIndex& index = level.index();
  size_t size = 0;
  for (size_t s = 0; s < probing_; s++) {
    Probe& probe = probes_[s];
    const auto& [range, word, i, scale] = probe.search;
    probe.at = index.next(range, word, probe.slot);
    level.prefetch_records(probe.at, probe.at + 1);
    probes_[size] = probe, size += probe.at != range.end;
  }
  for (size_t s = 0; s < size; s++) {
    auto& [search, slot, at] = probes_[s];
    while (at != search.range.end && level.word_of(at) != search.word) at = index.next(search.range, search.word, slot);
    if (at != search.range.end) found<kInner>(level, n, search, at, order);
  }
}

template <bool kInner>
void BatchScorer::search(const Level& level, int n, uint8_t* order) {
  narrow(level);
  for (size_t lane = searching_; lane % kLanes != 0; lane++) searches_[lane] = searches_[searching_ - 1];
  for (size_t s = 0; s < searching_; s += kLanes) {
    Search* const searches = searches_.data() + s;
    uint64_t at[kLanes], left[kLanes], most = 0;
    for (size_t k = 0; k < kLanes; k++) {
      at[k] = searches[k].range.begin, left[k] = searches[k].range.size();
      most = std::max(most, left[k]);
    }
    for (; most > 1; most -= most / 2)
      for (size_t k = 0; k < kLanes; k++) {
        const uint64_t half = left[k] / 2;
        at[k] += level.word_of(at[k] + half) <= searches[k].word ? half : 0;
        left[k] -= half;
      }
    for (size_t k = 0; k < std::min(kLanes, searching_ - s); k++)
      if (level.word_of(at[k]) == searches[k].word) found<kInner>(level, n, searches[k], at[k], order);
  }
}

template <bool kInner>
void BatchScorer::found(const Level& level, int n, const Search& search, uint64_t node, uint8_t* order) {
  uint64_t count;
  if (kInner && level.shape().unary) {
    level.prefetch_sample(node);
    hits_[hitting_++] = {node, search.i, false, 0};
    count = level.count(node);
  } else if constexpr (kInner) {
    const Level::Entry entry = level.entry(node);
    longer_[search.i + 1] = {entry.children, entry.context};
    model_->table().trie().level(n + 1).prefetch(entry.children);
    count = entry.count;
  } else {
    count = level.count(node);
  }
  float& p = p_[search.i];
  p = model_->own(n, search.scale, count, node) + (model_->interpolates() ? p : 0);
  order[search.i] = uint8_t(n);
}

// Where the n-grams of a compact level continue, and what they are worth as contexts.
void BatchScorer::follow(const Level& level, const Level& next) {
  const std::span<Hit> hits(hits_.data(), hitting_);
  const RankedNumbers* const wide = level.wide();
  for (const Hit& hit : hits) level.prefetch_children(hit.node);
  for (Hit& hit : hits) {
    const Range range = level.children(hit.node);
    Context& context = longer_[hit.i + 1];
    context.range = range;
    next.prefetch(range);
    hit.wide = wide && Level::is_wide(range);
    if (hit.wide)
      wide->prefetch_at(Level::wide_place(range));
    else
      context.number = level.context(hit.node, range);
  }
  for (Hit& hit : hits)
    if (hit.wide) wide->prefetch(hit.at = wide->at(Level::wide_place(longer_[hit.i + 1].range)));
  for (Hit& hit : hits)
    if (hit.wide) longer_[hit.i + 1].number = (*wide)[hit.at];
  hitting_ = 0;
}

void score_all(const Model& model, std::span<const Word> words, std::span<const uint8_t> before, float* log10,
               uint8_t* order, const Workers& workers) {
  constexpr size_t kTokens = 1 << 14;
  parallel((words.size() + kTokens - 1) / kTokens, workers, [&](size_t piece) {
    // the words before the piece are looked up once more
    const size_t begin = piece * kTokens, size = std::min(kTokens, words.size() - begin);
    const size_t lead = std::min<size_t>(begin, model.order() - 1);
    std::vector<uint8_t> cut(before.begin() + begin - lead, before.begin() + begin + size);
    for (size_t i = 0; i < std::min<size_t>(cut.size(), kMaxOrder); i++) cut[i] = std::min<size_t>(cut[i], i);
    std::vector<float> scores(cut.size());
    std::vector<uint8_t> orders(cut.size());
    thread_local BatchScorer scorer;
    scorer.score(model, words.subspan(begin - lead, cut.size()), cut, scores.data(), orders.data());
    std::copy(scores.begin() + lead, scores.end(), log10 + begin);
    std::copy(orders.begin() + lead, orders.end(), order + begin);
  });
}

}  // namespace fastlm::ngram
