// Any length: fastlm._ngram.SuffixIndex, what makes it, and the texts that it is asked about.
#include "../core/ngram/suffix/indexer.h"
#include "../core/ngram/suffix/matches.h"
#include "../core/ngram/suffix/question.h"
#include "../core/ngram/suffix/storage.h"
#include "engine.h"

namespace fastlm::python {
namespace {

using ngram::Word;
using ngram::suffix::Index;
using ngram::suffix::Indexer;
using ngram::suffix::Lines;
using ngram::suffix::Range;
using Ngram = std::vector<std::string>;

Words ids_of(const Index& index, const Ngram& words) {
  Words ids;
  for (const std::string& word : words) ids.push_back(index.id(word));
  return ids;
}

auto counts(const Index& index, const std::vector<Ngram>& ngrams) {
  std::vector<Words> asked;
  for (const Ngram& ngram : ngrams) asked.push_back(ids_of(index, ngram));
  std::vector<uint64_t> counts;
  {
    const Unlocked unlocked;
    for (const Range& range : index.find_all(asked)) counts.push_back(range.size());
  }
  return to_numpy(std::move(counts));
}

auto longest_match(const Index& index, const Ngram& context) {
  const Words ids = ids_of(index, context);
  const Unlocked unlocked;
  const auto match = index.longest_match(ids);
  return std::pair(match.words, match.range.size());
}

auto followers(const Index& index, const Ngram& context) {
  const Words ids = ids_of(index, context);
  ngram::suffix::Followers found;
  if (ids.empty() || index.goes_on(ids.back())) {  // nothing stands behind an end
    const Unlocked unlocked;
    found = index.followers(index.find(ids), ids.size());
  }
  return py::make_tuple(to_numpy(std::move(found.words)), to_numpy(std::move(found.counts)));
}

auto occurrences(const Index& index, const Ngram& ngram, uint64_t limit) {
  const Words ids = ids_of(index, ngram);
  std::vector<uint64_t> found;
  {
    const Unlocked unlocked;
    found = index.occurrences(index.find(ids), limit);
  }
  return to_numpy(std::move(found));
}

// Numbers of documents, how often it stands in each, and the position of the first time.
auto documents(const Index& index, const Ngram& ngram) {
  const Words ids = ids_of(index, ngram);
  std::vector<uint64_t> numbers, counts, firsts;
  {
    const Unlocked unlocked;
    for (const auto& found : index.found_documents(index.find(ids)))
      numbers.push_back(found.document), counts.push_back(found.count), firsts.push_back(found.first);
  }
  return py::make_tuple(to_numpy(std::move(numbers)), to_numpy(std::move(counts)), to_numpy(std::move(firsts)));
}

std::string word(const Index& index, Word id) {
  if (id >= index.vocabulary().size())
    throw py::index_error("expected the id of a word below " + std::to_string(index.vocabulary().size()) + ", got " +
                          std::to_string(id));
  return std::string(index.vocabulary().text(id));
}

std::vector<std::string> words(const Index& index, uint64_t begin, uint64_t end) {
  end = std::min(end, index.tokens()), begin = std::min(begin, end);
  std::vector<std::string> words;
  for (uint64_t i = begin; i < end; i++) words.emplace_back(index.vocabulary().text(index.word(i)));
  return words;
}

auto place_of(const Lines& lines, uint64_t position) {
  const auto place = lines.place_of(position);
  return py::make_tuple(std::string(place.source), place.line, position - place.begin);
}

void check_position(const Index& index, uint64_t position) {
  if (position >= index.tokens())
    throw py::index_error("expected a position below " + std::to_string(index.tokens()) + ", got " +
                          std::to_string(position));
}

// A text that comes in blocks, with the index that it refers to.
struct Matcher {
  std::shared_ptr<const Index> index;
  ngram::suffix::Questioner questioner;
  Matcher(std::shared_ptr<const Index> index, const std::string& errors)
      : index(std::move(index)), questioner(*this->index, ngram::invalid_utf8_policy(errors)) {}

  // Of the words of all texts the length of the longest match that begins there.
  std::vector<uint64_t> lengths(int threads) {
    const Unlocked unlocked;
    const auto question = questioner.finish();
    const auto ends = match_ends(*index, question.words, {threads, poll_signals});
    std::vector<uint64_t> lengths;
    for (size_t i = 0; i < ends.size(); i++)
      if (question.words[i] != ngram::kEnd) lengths.push_back(ends[i] - i);
    return lengths;
  }

  py::tuple contamination(uint64_t min_words, int threads) {
    ngram::suffix::Question question;
    ngram::suffix::Contamination found;
    {
      const Unlocked unlocked;
      question = questioner.finish();
      found = find_contamination(*index, question.words, min_words, {threads, poll_signals});
    }
    py::list spans;
    for (const auto& span : found.spans) {
      const auto place = question.lines.place_of(span.begin);
      spans.append(py::make_tuple(std::string(place.source), place.line, span.begin - place.begin,
                                  span.end - span.begin, span.count, span.example));
    }
    const auto bounds = std::count(question.words.begin(), question.words.end(), ngram::kEnd);
    return py::make_tuple(question.words.size() - bounds, found.covered, found.longest, spans);
  }
};

template <class Class>
void add_block(Class& reader, const py::bytes& block) {
  const std::string_view text = block;
  const Unlocked unlocked;
  reader.add(text);
}

}  // namespace

void add_suffix(py::module_& m) {
  py::class_<Indexer>(m, "Indexer")
      .def(py::init([](const std::string& documents, const std::string& errors, int threads) {
             return Indexer(ngram::suffix::documents_of(documents), ngram::invalid_utf8_policy(errors), threads);
           }),
           py::kw_only(), py::arg("documents") = "file", py::arg("errors") = "strict", py::arg("threads") = 0)
      .def("begin", &Indexer::begin, py::arg("source"))
      .def("add", add_block<Indexer>, py::arg("block"))
      .def_property_readonly("tokens", &Indexer::tokens)
      .def("finish", [](Indexer& indexer) {
        const Unlocked unlocked;
        return std::make_shared<Index>(indexer.finish(poll_signals));
      });

  py::class_<Index, std::shared_ptr<Index>>(m, "SuffixIndex")
      .def_property_readonly("tokens", &Index::tokens)
      .def_property_readonly("document_count", &Index::documents)
      .def_property_readonly("vocabulary_size", [](const Index& index) { return index.vocabulary().size(); })
      .def_property_readonly("sources",
                             [](const Index& index) {
                               std::vector<std::string> names;
                               for (size_t i = 0; i < index.lines().sources(); i++)
                                 names.emplace_back(index.lines().name(i));
                               return names;
                             })
      .def_property("tokenization", &Index::tokenization, &Index::set_tokenization)
      .def("word", word, py::arg("id"))
      .def("words", words, py::arg("begin"), py::arg("end"))
      .def("counts", counts, py::arg("ngrams"))
      .def("longest_match", longest_match, py::arg("context"))
      .def("followers", followers, py::arg("context"))
      .def("occurrences", occurrences, py::arg("ngram"), py::arg("limit"))
      .def("documents", documents, py::arg("ngram"))
      .def(
          "document",
          [](const Index& index, uint64_t i) {
            if (i >= index.documents())
              throw py::index_error("expected a document below " + std::to_string(index.documents()) + ", got " +
                                    std::to_string(i));
            return std::pair(index.document(i).begin, index.document(i).end);
          },
          py::arg("document"))
      .def(
          "document_of",
          [](const Index& index, uint64_t position) {
            check_position(index, position);
            return index.document_of(position);
          },
          py::arg("position"))
      .def(
          "place_of",
          [](const Index& index, uint64_t position) {
            check_position(index, position);
            return place_of(index.lines(), position);
          },
          py::arg("position"))
      .def(
          "save",
          [](const Index& index, const std::string& path) {
            const Unlocked unlocked;
            save(index, path);
          },
          py::arg("path"));

  py::class_<Matcher>(m, "Matcher")
      .def(py::init<std::shared_ptr<const Index>, const std::string&>(), py::arg("index"), py::kw_only(),
           py::arg("errors") = "strict")
      .def(
          "begin", [](Matcher& matcher, std::string source) { matcher.questioner.begin(std::move(source)); },
          py::arg("source"))
      .def(
          "add", [](Matcher& matcher, const py::bytes& block) { add_block(matcher.questioner, block); },
          py::arg("block"))
      .def(
          "lengths", [](Matcher& matcher, int threads) { return to_numpy(matcher.lengths(threads)); },
          py::arg("threads") = 0)
      .def("contamination", &Matcher::contamination, py::arg("min_words"), py::arg("threads") = 0);

  m.def(
      "is_suffix_index",
      [](const std::string& path) {
        const Unlocked unlocked;
        return ngram::suffix::is_index(path);
      },
      py::arg("path"));
  m.def(
      "load_suffix_index",
      [](const std::string& path, bool verify) {
        const Unlocked unlocked;
        return std::make_shared<Index>(ngram::suffix::load(path, verify));
      },
      py::arg("path"), py::arg("verify") = true);
}

}  // namespace fastlm::python
