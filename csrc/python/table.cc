// Counts: fastlm._ngram.Table, and what a file holds.
#include "../core/ngram/table.h"

#include <algorithm>

#include "../core/ngram/best_delta.h"
#include "../core/ngram/combine.h"
#include "../core/ngram/counts_text.h"
#include "../core/ngram/storage.h"
#include "engine.h"

namespace fastlm::python {
namespace {

using ngram::Table;
using ngram::Word;

std::vector<uint64_t> counts(const Table& table) {
  std::vector<uint64_t> counts;
  for (int n = 1; n <= table.order(); n++) counts.push_back(table.distinct(n));
  return counts;
}

uint64_t count(const Table& table, const Words& ngram) {
  const auto at = ngram.empty() ? std::nullopt : table.trie().find(check_words(table, ngram));
  return at ? table.trie().count(int(ngram.size()), *at) : 0;
}

// Words and counts of a range of n-grams of order n; of those that occur (in level 1 others have a place too).
auto listed(const Table& table, int n, ngram::Range range, bool begin_too) {
  Words words;
  std::vector<uint64_t> counts;
  for (uint64_t i = range.begin; i < range.end; i++) {
    const Word word = table.trie().word(n, i);
    const uint64_t count = table.trie().count(n, i);
    if (count > 0 && (begin_too || word != ngram::kBegin)) words.push_back(word), counts.push_back(count);
  }
  return std::pair(std::move(words), std::move(counts));
}

auto followers(const Table& table, const Words& context) {
  const int n = int(context.size());
  const auto at = table.trie().find(check_words(table, context));
  auto [words, counts] =
      listed(table, n + 1, at && n < table.order() ? table.trie().children(n, *at) : ngram::Range{0, 0}, false);
  return py::make_tuple(to_numpy(std::move(words)), to_numpy(std::move(counts)));
}

void check_order(const Table& table, int n) {
  if (n < 1 || n > table.order())
    throw py::value_error("order must be between 1 and " + std::to_string(table.order()) + ", got " +
                          std::to_string(n));
}

auto ngrams(const Table& table, int n, uint64_t begin, uint64_t end) {
  check_order(table, n);
  Words words;
  std::vector<uint64_t> counts;
  if (n == 1) {
    std::tie(words, counts) = listed(table, 1, table.trie().children(0, 0), true);
    end = std::min<uint64_t>(end, words.size()), begin = std::min(begin, end);
    words = Words(words.begin() + begin, words.begin() + end);
    counts = std::vector<uint64_t>(counts.begin() + begin, counts.begin() + end);
  } else {
    end = std::min(end, table.trie().size(n)), begin = std::min(begin, end);
    words.resize((end - begin) * n);
    table.trie().copy_words(n, begin, end, words.data());
    for (uint64_t i = begin; i < end; i++) counts.push_back(table.trie().count(n, i));
  }
  const auto rows = py::ssize_t(counts.size());
  return py::make_tuple(to_numpy(std::move(words), {rows, n}), to_numpy(std::move(counts)));
}

using DeltaSearch = Reading<ngram::DeltaSearch, Table>;

// Numbers and counts of the k most frequent n-grams of order n; of equals, the first.
auto most_common(const Table& table, int n, uint64_t k) {
  check_order(table, n);
  using Best = std::pair<uint64_t, uint64_t>;  // count and number
  const auto before = [](const Best& a, const Best& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::vector<Best> best;  // a heap whose front is the worst
  {
    const Unlocked unlocked;
    for (uint64_t i = 0; k > 0 && i < table.trie().size(n); i++) {
      const uint64_t count = table.trie().count(n, i);
      if (count == 0 || (best.size() == k && count <= best.front().first)) continue;
      if (best.size() == k) std::pop_heap(best.begin(), best.end(), before), best.pop_back();
      best.emplace_back(count, i);
      std::push_heap(best.begin(), best.end(), before);
    }
    std::sort_heap(best.begin(), best.end(), before);
  }
  Words words(best.size() * n);
  std::vector<uint64_t> counts;
  for (const auto& [count, i] : best) {
    table.trie().copy_words(n, i, i + 1, words.data() + counts.size() * n);
    counts.push_back(count);
  }
  const auto rows = py::ssize_t(counts.size());
  return py::make_tuple(to_numpy(std::move(words), {rows, n}), to_numpy(std::move(counts)));
}

// The range of the n-grams of order n that begin with some words.
std::pair<uint64_t, uint64_t> begun_by(const Table& table, int n, const Words& prefix) {
  check_order(table, n);
  const auto at = table.trie().find(check_words(table, prefix));
  int k = int(prefix.size());
  if (!at || k > n) return {0, 0};
  ngram::Range range{*at, *at + 1};
  if (k == 0) range = table.trie().children(0, 0), k = 1;
  for (; k < n && range.size() > 0; k++)
    range = {table.trie().children(k, range.begin).begin, table.trie().children(k, range.end - 1).end};
  return {range.begin, range.end};
}

std::string word(const Table& table, Word id) {
  return std::string(table.vocabulary().text(check_words(table, {id})[0]));
}

}  // namespace

void add_table(py::module_& m) {
  py::class_<Table, std::shared_ptr<Table>> table(m, "Table");
  table.def_property_readonly("order", &Table::order)
      .def_property_readonly("counts", counts)
      .def_property_readonly("tokens", [](const Table& table) { return table.corpus().tokens; })
      .def_property_readonly("sentences", [](const Table& table) { return table.corpus().sentences; })
      .def_property_readonly("tokenization", [](const Table& table) { return table.corpus().tokenization; })
      .def_property_readonly("vocabulary_size", [](const Table& table) { return table.vocabulary().size(); })
      .def(
          "id", [](const Table& table, std::string_view word) { return table.vocabulary().find(word); },
          py::arg("word"))
      .def("word", word, py::arg("id"))
      .def("count", count, py::arg("ngram"))
      .def("followers", followers, py::arg("context"))
      .def("ngrams", ngrams, py::arg("order"), py::arg("begin"), py::arg("end"))
      .def("most_common", most_common, py::arg("order"), py::arg("k"))
      .def("begun_by", begun_by, py::arg("order"), py::arg("prefix"))
      .def_static(
          "merge",
          [](const std::vector<std::shared_ptr<Table>>& tables, int threads) {
            const Unlocked unlocked;
            return std::make_shared<Table>(
                ngram::merge({tables.begin(), tables.end()}, {.threads = threads, .poll = poll_signals}));
          },
          py::arg("tables"), py::arg("threads") = 0)
      .def(
          "subtract",
          [](const Table& table, const Table& other, int threads) {
            const Unlocked unlocked;
            return std::make_shared<Table>(ngram::subtract(table, other, {.threads = threads, .poll = poll_signals}));
          },
          py::arg("other"), py::arg("threads") = 0)
      .def(
          "prune",
          [](const Table& table, const std::vector<uint64_t>& thresholds, int threads) {
            const Unlocked unlocked;
            return std::make_shared<Table>(ngram::prune(table, thresholds, {.threads = threads, .poll = poll_signals}));
          },
          py::arg("thresholds"), py::arg("threads") = 0)
      .def(
          "estimate",
          [](const Table& table, std::string smoothing, ngram::Choices choices, std::vector<uint64_t> prune,
             bool compact, std::optional<std::vector<std::string>> limit_vocabulary, bool interpolate_unigrams,
             uint64_t vocabulary_pad) {
            const EstimationArguments arguments{
                std::move(smoothing),        std::move(choices),   std::move(prune), compact,
                std::move(limit_vocabulary), interpolate_unigrams, vocabulary_pad};
            const Unlocked unlocked;
            return std::make_shared<ngram::Model>(
                ngram::make_model(table, arguments.of(table.vocabulary()), {.poll = poll_signals}));
          },
          py::arg("smoothing"), py::arg("parameters"), py::arg("prune") = std::vector<uint64_t>(),
          py::arg("compact") = false, py::arg("limit_vocabulary") = std::nullopt,
          py::arg("interpolate_unigrams") = true, py::arg("vocabulary_pad") = 0)
      .def(
          "save",
          [](const Table& table, const std::string& path) {
            const Unlocked unlocked;
            ngram::save(table, path);
          },
          py::arg("path"));

  table.def(
      "write",
      [](const Table& table, int order, uint64_t min_count, const py::function& sink) {
        check_order(table, order);
        const auto take = sink_of(sink);
        const Unlocked unlocked;
        ngram::write_counts(table, order, min_count, take);
      },
      py::arg("order"), py::arg("min_count"), py::arg("sink"));
  py::class_<ngram::CountsReader>(m, "CountsReader")
      .def(py::init<std::string>(), py::kw_only(), py::arg("tokenization") = "")
      .def("begin", &ngram::CountsReader::begin, py::arg("source"))
      .def(
          "add",
          [](ngram::CountsReader& reader, const py::bytes& block) {
            const std::string_view text = block;
            const Unlocked unlocked;
            reader.add(text);
          },
          py::arg("block"))
      .def("finish", [](ngram::CountsReader& reader) {
        const Unlocked unlocked;
        return std::make_shared<Table>(reader.finish({.poll = poll_signals}));
      });

  add_reading<DeltaSearch>(m, "DeltaSearch")
      .def(py::init<TablePointer, const std::string&>(), py::arg("table"), py::kw_only(), py::arg("errors") = "strict")
      .def("finish", [](DeltaSearch& s) {
        const Unlocked unlocked;
        return s.reader.finish();
      });
}

}  // namespace fastlm::python
