// Texts that come in blocks of bytes: counting them, and their probability.
#include "../core/ngram/counter.h"

#include "../core/ngram/evaluator.h"
#include "../core/ngram/file.h"
#include "../core/ngram/told_nodes.h"
#include "engine.h"

namespace fastlm::python {
namespace {

using ngram::Counter;
using ngram::Evaluation;

using Evaluator = Reading<ngram::Evaluator, ngram::Model>;

// Some of the tokens, as 4 bytes each.
py::bytes tokens_at(const Counter& counter, uint64_t begin, uint64_t end) {
  if (begin > end || end > counter.size()) throw std::out_of_range("tokens that there are not");
  std::vector<ngram::Word> tokens(end - begin);
  counter.read(begin, tokens);
  return {reinterpret_cast<const char*>(tokens.data()), tokens.size() * sizeof(ngram::Word)};
}

// Some of the words, a line each.
py::bytes words_at(const Counter& counter, ngram::Word begin, ngram::Word end) {
  if (begin > end || end > counter.words().size()) throw std::out_of_range("words that there are not");
  std::string words;
  for (ngram::Word word = begin; word < end; word++) words.append(counter.words().text(word)) += '\n';
  return words;
}

void restore_words(Counter& counter, const py::bytes& lines) {
  const std::string_view words = lines;
  for (size_t begin = 0, end; (end = words.find('\n', begin)) != words.npos; begin = end + 1)
    counter.restore_word(words.substr(begin, end - begin));
}

void restore_tokens(Counter& counter, const py::bytes& block) {
  const std::string_view bytes = block;
  for (size_t at = 0; at + sizeof(ngram::Word) <= bytes.size(); at += sizeof(ngram::Word)) {
    ngram::Word word;
    bytes.copy(reinterpret_cast<char*>(&word), sizeof word, at);
    counter.restore_token(word);
  }
}

// Calls a Python function, unless it is None, with what is being done and the share of it.
class Stages {
 public:
  explicit Stages(const py::object& function) : function_(function), asked_(!function.is_none()) {}

  std::function<void(double)> of(const char* name) const {
    if (!asked_) return {};
    return [this, name](double done) {
      const py::gil_scoped_acquire locked;
      function_(name, done);
    };
  }
  // Levels that tell how much of them has been read, by what reads them so many times.
  ngram::NodeLevels read(const ngram::NodeLevels& levels, int times, const char* name) const {
    return asked_ ? ngram::told(levels, times, of(name)) : levels;
  }

 private:
  const py::object& function_;
  bool asked_;
};

void write_table(ngram::FileSink& file, const ngram::Counted& counted, const Stages& stages) {
  ngram::write_table(file, counted.corpus, counted.vocabulary, stages.read(counted.levels, 2, "writing"));
  file.finish();
}

// The table as a file, without ever being in memory; returns the bytes of temporary files.
uint64_t count_to_file(Counter& counter, const std::string& path, const py::object& stage) {
  const Stages stages(stage);
  const Unlocked unlocked;
  ngram::FileSink file(path);
  const ngram::Counted counted = counter.count(false, poll_signals, stages.of("counting"));
  write_table(file, counted, stages);
  return counted.bytes_on_disk;
}

// The same for a model; counts: a file for the table too.
uint64_t build(Counter& counter, const std::string& path, std::string smoothing, ngram::Choices choices,
               std::vector<uint64_t> prune, bool compact, std::optional<std::vector<std::string>> limit_vocabulary,
               bool interpolate_unigrams, uint64_t vocabulary_pad, const std::optional<std::string>& counts,
               const py::object& stage) {
  const Stages stages(stage);
  const EstimationArguments arguments{std::move(smoothing),        std::move(choices),   std::move(prune), compact,
                                      std::move(limit_vocabulary), interpolate_unigrams, vocabulary_pad};
  const Unlocked unlocked;
  const bool adjusted = ngram::smoothing_kind(arguments.smoothing).adjusted;
  ngram::FileSink file(path);
  const ngram::Counted counted = counter.count(adjusted, poll_signals, stages.of("counting"));
  const auto& [corpus, vocabulary, levels, bytes_on_disk] = counted;
  if (counts) {
    ngram::FileSink table(*counts);
    write_table(table, counted, stages);
  }
  ngram::Estimation estimation = arguments.of(vocabulary);
  estimation.temp_dir = counter.options().temp_dir;
  ngram::put_corpus(file, corpus, ngram::limited(vocabulary, estimation));
  const int times = compact ? 4 : 5;  // that nodes are read, about
  ngram::estimate(file, stages.read(levels, times, "estimating"), estimation, {.poll = poll_signals});
  if (const auto writing = stages.of("writing")) writing(1);
  file.finish();
  return bytes_on_disk;
}

}  // namespace

void add_counter(py::module_& m) {
  py::class_<Counter>(m, "Counter")
      .def(py::init([](int order, std::optional<std::vector<std::string>> vocabulary, uint64_t min_count,
                       uint64_t max_vocabulary, const std::string& errors, const std::string& reserved, int threads,
                       uint64_t memory, std::string temp_dir, std::string tokenization) {
             return Counter({order, std::move(vocabulary), min_count, max_vocabulary,
                             ngram::invalid_utf8_policy(errors), ngram::reserved_policy(reserved), threads, memory,
                             std::move(temp_dir), std::move(tokenization)});
           }),
           py::arg("order"), py::kw_only(), py::arg("vocabulary") = py::none(), py::arg("min_count") = 1,
           py::arg("max_vocabulary") = 0, py::arg("errors") = "strict", py::arg("reserved") = "error",
           py::arg("threads") = 0, py::arg("memory") = 0, py::arg("temp_dir") = "", py::arg("tokenization") = "")
      .def("begin", &Counter::begin, py::arg("source"))
      .def(
          "add",
          [](Counter& counter, const py::bytes& block) {
            const std::string_view text = block;
            const Unlocked unlocked;
            counter.add(text);
          },
          py::arg("block"))
      .def_property_readonly("tokens", &Counter::tokens)
      .def_property_readonly("size", &Counter::size)
      .def_property_readonly("words", [](const Counter& counter) { return counter.words().size(); })
      .def("tokens_at", tokens_at, py::arg("begin"), py::arg("end"))
      .def("words_at", words_at, py::arg("begin"), py::arg("end"))
      .def_property_readonly("reading",
                             [](const Counter& counter) {
                               const auto& [source, line, in_line, partial] = counter.reading();
                               return py::make_tuple(source, line, in_line, py::bytes(partial));
                             })
      .def("restore_words", restore_words, py::arg("words"))
      .def("restore_tokens", restore_tokens, py::arg("tokens"))
      .def(
          "restore_reading",
          [](Counter& counter, std::string source, uint64_t line, bool in_line, const py::bytes& partial) {
            counter.restore_reading({std::move(source), line, in_line, std::string(std::string_view(partial))});
          },
          py::arg("source"), py::arg("line"), py::arg("in_line"), py::arg("partial"))
      .def("finish",
           [](Counter& counter) {
             const Unlocked unlocked;
             return std::make_shared<ngram::Table>(counter.finish(poll_signals));
           })
      .def("count", count_to_file, py::arg("path"), py::arg("stage") = py::none())
      .def("build", build, py::arg("path"), py::arg("smoothing"), py::arg("parameters"), py::arg("prune"),
           py::arg("compact"), py::arg("limit_vocabulary"), py::arg("interpolate_unigrams"), py::arg("vocabulary_pad"),
           py::arg("counts") = py::none(), py::arg("stage") = py::none());

  add_reading<Evaluator>(m, "Evaluator")
      .def(py::init([](ModelPointer model, const std::string& errors, int threads) {
             return Evaluator(std::move(model), errors, ngram::Workers{.threads = threads, .poll = poll_signals});
           }),
           py::arg("model"), py::kw_only(), py::arg("errors") = "strict", py::arg("threads") = 1)
      .def("finish", [](Evaluator& e) {
        const Unlocked unlocked;
        return e.reader.finish();
      });

  py::class_<Evaluation>(m, "Evaluation")
      .def_readonly("tokens", &Evaluation::tokens)
      .def_readonly("sentences", &Evaluation::sentences)
      .def_readonly("unknown", &Evaluation::unknown)
      .def_readonly("log10_known", &Evaluation::log10_known)
      .def_readonly("log10_unknown", &Evaluation::log10_unknown);
}

}  // namespace fastlm::python
