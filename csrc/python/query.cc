// Questions to a model, many at once: a part of fastlm._ngram.Model.
#include <atomic>
#include <deque>

#include "../core/ngram/batch.h"
#include "../core/ngram/candidates.h"
#include "../core/ngram/sentences.h"
#include "engine.h"

namespace fastlm::python {
namespace {

using ngram::Model;
using ngram::Word;
using Ids = py::array_t<int64_t, py::array::c_style>;

std::string_view utf8(py::handle text) {
  Py_ssize_t size;
  const char* const data = PyUnicode_AsUTF8AndSize(text.ptr(), &size);
  if (!data) {
    PyErr_Clear();
    throw py::value_error("expected text that can be written as UTF-8, got " + std::string(py::repr(text)));
  }
  return {data, size_t(size)};
}

// Sentences that Python owns, held while they are read: texts, or sequences of words.
class Texts {
 public:
  explicit Texts(const py::object& sentences) {
    if (PyUnicode_Check(sentences.ptr()))
      throw py::type_error("expected several sentences, got one str; put it into a list");
    for (py::handle sentence : sentences) {
      held_.push_back(py::reinterpret_borrow<py::object>(sentence));
      texts_.push_back(PyUnicode_Check(sentence.ptr()) ? utf8(sentence) : joined(sentence));
    }
  }

  size_t size() const { return texts_.size(); }
  std::string_view operator[](size_t i) const { return texts_[i]; }

 private:
  std::string_view joined(py::handle words) {
    std::string& line = lines_.emplace_back();
    if (PyBytes_Check(words.ptr()) || !py::isinstance<py::iterable>(words))
      throw py::type_error("expected a text or a sequence of words, got " + std::string(py::repr(words)));
    for (py::handle word : py::reinterpret_borrow<py::iterable>(words)) {
      if (!PyUnicode_Check(word.ptr()))
        throw py::type_error("expected a text or a sequence of words, got one that holds " +
                             std::string(py::repr(word)));
      const std::string_view text = utf8(word);
      size_t whole = 0;
      ngram::split(text, [&](std::string_view piece) { whole += piece.size() == text.size(); });
      if (whole != 1) throw py::value_error("expected words without white space, got " + std::string(py::repr(word)));
      line.append(text).push_back(' ');
    }
    return line;
  }

  std::vector<py::object> held_;
  std::vector<std::string_view> texts_;
  std::deque<std::string> lines_;
};

struct Bounds {
  bool begin, end;
};

[[noreturn]] void refuse(Word word, size_t sentence) {
  throw std::invalid_argument(std::string("'") + ngram::kSpecialWords[word] +
                              "' is reserved for the bounds of a sentence; leave it out of sentence " +
                              std::to_string(sentence));
}

// The words of a sentence into the tokens that are to be scored.
void add_text(const Model& model, std::string_view text, size_t sentence, ngram::ScoredTokens& tokens) {
  ngram::Lookup lookup(model.vocabulary());
  const auto add = [&](Word word) {
    if (word == ngram::kBegin || word == ngram::kEnd) refuse(word, sentence);
    tokens.add(word);
  };
  ngram::split(text, [&](std::string_view word) { lookup.add(word, add); });
  lookup.finish(add);
}

// What a thread needs for some sentences.
struct Desk {
  ngram::ScoredTokens tokens;
  ngram::BatchScorer scorer;
  std::vector<float> log10;
  std::vector<uint8_t> order;
  std::vector<size_t> ends;

  // fill(i, tokens) adds the words of sentence i.
  template <class Fill>
  void score(const Model& model, size_t begin, size_t end, Bounds bounds, Fill&& fill) {
    tokens.keep_last(0);
    ends.clear();
    for (size_t i = begin; i < end; i++) {
      tokens.begin(bounds.begin);
      fill(i, tokens);
      if (bounds.end) tokens.add(ngram::kEnd);
      ends.push_back(tokens.words.size());
    }
    log10.resize(tokens.words.size()), order.resize(tokens.words.size());
    scorer.score(model, tokens.words, tokens.before, log10.data(), order.data());
  }
};

Desk& desk() {
  thread_local Desk desk;
  return desk;
}

constexpr size_t kSentences = 64;  // that a thread takes at once

template <class Fill>
auto sums(const Model& model, size_t size, Bounds bounds, int threads, Fill&& fill) {
  std::vector<double> sums(size);
  {
    const Unlocked unlocked;
    const ngram::Workers workers{.threads = threads, .poll = poll_signals};
    ngram::parallel((size + kSentences - 1) / kSentences, workers, [&](size_t piece) {
      const size_t first = piece * kSentences, last = std::min(size, first + kSentences);
      Desk& at = desk();
      at.score(model, first, last, bounds, fill);
      for (size_t i = first, t = 0; i < last; i++) {
        t += bounds.begin;
        for (; t < at.ends[i - first]; t++) sums[i] += at.log10[t];
      }
    });
  }
  return to_numpy(std::move(sums));
}

// log10, order and unknown of every token, and where the tokens of each sentence begin, with the end of the last.
template <class Fill>
auto token_scores(const Model& model, size_t size, Bounds bounds, int threads, Fill&& fill) {
  struct Piece {
    std::vector<float> log10;
    std::vector<uint8_t> order;
    std::vector<Word> words;
    std::vector<int64_t> sizes;
  };
  std::vector<Piece> pieces((size + kSentences - 1) / kSentences);
  Piece all;
  {
    const Unlocked unlocked;
    const ngram::Workers workers{.threads = threads, .poll = poll_signals};
    ngram::parallel(pieces.size(), workers, [&](size_t p) {
      const size_t first = p * kSentences, last = std::min(size, first + kSentences);
      Desk& at = desk();
      at.score(model, first, last, bounds, fill);
      auto& [log10, order, words, sizes] = pieces[p];
      size_t begin = 0;
      for (const size_t end : at.ends) {
        begin += bounds.begin;
        log10.insert(log10.end(), at.log10.begin() + begin, at.log10.begin() + end);
        order.insert(order.end(), at.order.begin() + begin, at.order.begin() + end);
        words.insert(words.end(), at.tokens.words.begin() + begin, at.tokens.words.begin() + end);
        sizes.push_back(int64_t(end - begin));
        begin = end;
      }
    });
    all.sizes.push_back(0);
    for (Piece& piece : pieces) {
      all.log10.insert(all.log10.end(), piece.log10.begin(), piece.log10.end());
      all.order.insert(all.order.end(), piece.order.begin(), piece.order.end());
      all.words.insert(all.words.end(), piece.words.begin(), piece.words.end());
      for (const int64_t tokens : piece.sizes) all.sizes.push_back(all.sizes.back() + tokens);
      piece = {};
    }
  }
  return py::make_tuple(to_numpy(std::move(all.log10)), to_numpy(std::move(all.order)), to_numpy(std::move(all.words)),
                        to_numpy(std::move(all.sizes)));
}

void check_ids(const Model& model, const Ids& ids) {
  const int64_t size = int64_t(model.vocabulary().size());
  for (const int64_t *id = ids.data(), *end = id + ids.size(); id < end; id++)
    if (*id < 0 || *id >= size)
      throw py::index_error("expected ids of words below " + std::to_string(size) + ", got " + std::to_string(*id));
}

// One text, which is mostly short: the lock is kept then.
double score_text(const Model& model, py::str text, bool begin, bool end) {
  constexpr size_t kShort = 4096;
  const std::string_view view = utf8(text);
  const auto score = [&] {
    Desk& at = desk();
    at.score(model, 0, 1, {begin, end}, [&](size_t, ngram::ScoredTokens& tokens) { add_text(model, view, 1, tokens); });
    double sum = 0;
    for (size_t t = begin; t < at.log10.size(); t++) sum += at.log10[t];
    return sum;
  };
  if (view.size() < kShort) return score();
  const Unlocked unlocked;
  return score();
}

py::object score_texts(const Model& model, const py::object& sentences, bool begin, bool end, int threads,
                       bool tokens) {
  const Texts texts(sentences);
  const auto fill = [&](size_t i, ngram::ScoredTokens& into) { add_text(model, texts[i], i + 1, into); };
  if (tokens) return token_scores(model, texts.size(), {begin, end}, threads, fill);
  return sums(model, texts.size(), {begin, end}, threads, fill);
}

// offsets: where the sentences begin in ids, and the end of the last.
py::object score_ids(const Model& model, const Ids& ids, const Ids& offsets, bool begin, bool end, int threads,
                     bool tokens) {
  check_ids(model, ids);
  const int64_t* const at = offsets.data();
  const size_t size = offsets.size() - 1;
  for (size_t i = 0; i < size; i++)
    if (at[i] < 0 || at[i + 1] < at[i] || at[i + 1] > ids.size())
      throw py::value_error("expected offsets that ascend from 0 to " + std::to_string(ids.size()) + ", got " +
                            std::to_string(at[i]) + " and " + std::to_string(at[i + 1]));
  const auto fill = [&, data = ids.data()](size_t i, ngram::ScoredTokens& into) {
    for (int64_t k = at[i]; k < at[i + 1]; k++) {
      const Word word = Word(data[k]);
      if (word == ngram::kBegin || word == ngram::kEnd) refuse(word, i + 1);
      into.add(word);
    }
  };
  if (tokens) return token_scores(model, size, {begin, end}, threads, fill);
  return sums(model, size, {begin, end}, threads, fill);
}

// The last word of each row after the others: log10 and order.
auto score_ngrams(const Model& model, const Ids& rows, int threads) {
  check_ids(model, rows);
  const size_t size = rows.shape(0), width = rows.shape(1);
  const size_t used = std::min<size_t>(width, model.order());
  std::vector<float> log10(size);
  std::vector<uint8_t> order(size);
  {
    const Unlocked unlocked;
    constexpr size_t kRows = 1024;
    ngram::parallel((size + kRows - 1) / kRows, {.threads = threads, .poll = poll_signals}, [&](size_t piece) {
      const size_t first = piece * kRows, last = std::min(size, first + kRows);
      Desk& at = desk();
      at.score(model, first, last, {false, false}, [&](size_t i, ngram::ScoredTokens& into) {
        for (size_t k = width - used; k < width; k++) into.add(Word(rows.data()[i * width + k]));
      });
      for (size_t i = first; i < last; i++)
        log10[i] = at.log10[at.ends[i - first] - 1], order[i] = at.order[at.ends[i - first] - 1];
    });
  }
  return py::make_tuple(to_numpy(std::move(log10)), to_numpy(std::move(order)));
}

// The words before, for decoders that go on from them in several ways.
struct HeldState {
  ModelPointer model;
  ngram::State state;

  bool operator==(const HeldState& other) const { return model == other.model && state == other.state; }
};

const ngram::State& state_in(const ModelPointer& model, const HeldState& held) {
  if (held.model != model) throw py::value_error("expected a state of this model, got one of another");
  return held.state;
}

auto advance(const ModelPointer& model, const HeldState& before, Word word) {
  check_words(model->table(), {word});
  HeldState after{model, {}};
  const float log10 = model->score(state_in(model, before), word, after.state).log10;
  return py::make_tuple(double(log10), std::move(after));
}

auto advance_batch(const ModelPointer& model, const py::sequence& states, const Ids& words) {
  check_ids(*model, words);
  const size_t size = states.size();
  if (words.ndim() != 1 || size_t(words.size()) != size)
    throw py::value_error("expected a word for each of " + std::to_string(size) + " states, got " +
                          std::to_string(words.size()));
  std::vector<const ngram::State*> before;
  for (py::handle state : states) before.push_back(&state_in(model, state.cast<const HeldState&>()));
  std::vector<float> log10(size);
  py::list after;
  constexpr size_t kAhead = 4;
  for (size_t i = 0; i < size; i++) {
    if (i + kAhead < size) model->prefetch(*before[i + kAhead]);
    HeldState next{model, {}};
    log10[i] = model->score(*before[i], Word(words.data()[i]), next.state).log10;
    after.append(std::move(next));
  }
  return py::make_tuple(to_numpy(std::move(log10)), after);
}

auto next(const Model& model, const std::vector<Words>& contexts, uint64_t k, int threads) {
  for (const Words& context : contexts) check_words(model.table(), context);
  std::vector<std::vector<ngram::Candidate>> found(contexts.size());
  {
    const Unlocked unlocked;
    ngram::parallel(contexts.size(), {.threads = threads, .poll = poll_signals},
                    [&](size_t i) { found[i] = ngram::most_probable(model, model.state_after(contexts[i]), k); });
  }
  std::vector<std::vector<std::pair<std::string, double>>> named(found.size());
  for (size_t i = 0; i < found.size(); i++)
    for (const auto& [word, p] : found[i]) named[i].emplace_back(model.vocabulary().text(word), p);
  return named;
}

}  // namespace

void add_query(py::module_& m, py::class_<Model, std::shared_ptr<Model>>& model) {
  py::class_<HeldState>(m, "State")
      .def_property_readonly("length", [](const HeldState& held) { return held.state.length; })
      .def("__eq__",
           [](const HeldState& a, const py::object& b) {
             return py::isinstance<HeldState>(b) && a == b.cast<const HeldState&>();
           })
      .def("__hash__", [](const HeldState& held) { return held.state.hash(); });
  model.def("score_text", score_text, py::arg("text"), py::arg("bos"), py::arg("eos"))
      .def("score_texts", score_texts, py::arg("sentences"), py::arg("bos"), py::arg("eos"), py::arg("threads"),
           py::arg("tokens"))
      .def("score_ids", score_ids, py::arg("ids"), py::arg("offsets"), py::arg("bos"), py::arg("eos"),
           py::arg("threads"), py::arg("tokens"))
      .def("score_ngrams", score_ngrams, py::arg("ids"), py::arg("threads"))
      .def(
          "state_after",
          [](const ModelPointer& model, const Words& words) {
            return HeldState{model, model->state_after(check_words(model->table(), words))};
          },
          py::arg("words"))
      .def("advance", advance, py::arg("state"), py::arg("word"))
      .def("advance_batch", advance_batch, py::arg("states"), py::arg("words"))
      .def("next", next, py::arg("contexts"), py::arg("k"), py::arg("threads"));
}

}  // namespace fastlm::python
