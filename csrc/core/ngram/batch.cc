#include "batch.h"

#include <array>
#include <stdexcept>

namespace fastlm::ngram {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// A sentence that is being scored.
struct Lane {
  size_t sentence;
  std::span<const Word> words;
  size_t next = 0;
  int current = 0;
  State states[2];
  double total = 0;
};

}  // namespace

void append_ids(const Vocabulary& vocabulary, std::string_view text, std::vector<Word>& ids) {
  const char *p = text.data(), *const end = p + text.size();
  while (true) {
    while (p < end && is_space(*p)) p++;
    if (p == end) return;
    const char* const begin = p;
    while (p < end && !is_space(*p)) p++;
    const Word word = vocabulary.find({begin, size_t(p - begin)});
    if (word == kBegin || word == kEnd)
      throw std::invalid_argument("'" + std::string(begin, p) +
                                  "' is reserved for the bounds of a sentence; leave it out of '" + std::string(text) +
                                  "'");
    ids.push_back(word);
  }
}

void score_ids(const Model& model, std::span<const std::span<const Word>> sentences, bool bos, bool eos,
               std::span<double> totals) {
  constexpr size_t kLanes = 16;
  std::array<Lane, kLanes> lanes;
  size_t open = 0, taken = 0;
  const Word begin[] = {kBegin};
  const State start = bos ? model.state_after(begin) : State();
  const auto take = [&](Lane& lane) {
    lane.sentence = taken, lane.words = sentences[taken++];
    lane.next = 0, lane.current = 0, lane.total = 0, lane.states[0] = start;
  };
  while (open < kLanes && taken < sentences.size()) take(lanes[open++]);
  while (open > 0)
    for (size_t l = 0; l < open;) {
      Lane& lane = lanes[l];
      const bool ends = lane.next == lane.words.size();
      if (!ends || eos) {
        const Word word = ends ? kEnd : lane.words[lane.next];
        State& after = lane.states[1 - lane.current];
        lane.total += double(model.score(lane.states[lane.current], word, after).log10);
        lane.current = 1 - lane.current, lane.next++;
        if (!ends) model.prefetch(after);
      }
      if (!ends) {
        l++;
        continue;
      }
      totals[lane.sentence] = lane.total;
      if (taken < sentences.size())
        take(lane), l++;
      else if (l != --open)
        lane = lanes[open];
    }
}

std::vector<double> score_texts(const Model& model, std::span<const std::string_view> texts, bool bos, bool eos,
                                const Workers& workers) {
  constexpr size_t kPiece = 256;
  std::vector<double> totals(texts.size());
  parallel((texts.size() + kPiece - 1) / kPiece, workers, [&](size_t piece) {
    const size_t first = piece * kPiece, size = std::min(kPiece, texts.size() - first);
    std::vector<Word> ids;
    std::vector<size_t> ends;
    for (size_t i = 0; i < size; i++) append_ids(model.vocabulary(), texts[first + i], ids), ends.push_back(ids.size());
    std::vector<std::span<const Word>> sentences;
    for (size_t i = 0; i < size; i++) {
      const size_t begin = i ? ends[i - 1] : 0;
      sentences.emplace_back(ids.data() + begin, ends[i] - begin);
    }
    score_ids(model, sentences, bos, eos, std::span(totals).subspan(first, size));
  });
  return totals;
}

}  // namespace fastlm::ngram
