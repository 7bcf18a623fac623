// ARPA files: fastlm._ngram.ArpaReader, ArpaModel and ArpaWriter.
#include "../core/ngram/arpa/model.h"
#include "../core/ngram/arpa/nodes.h"
#include "../core/ngram/arpa/reader.h"
#include "../core/ngram/arpa/writer.h"
#include "engine.h"

namespace fastlm::python {
namespace {

namespace arpa = ngram::arpa;

// The n-grams of one order as a Python iterator of blocks. Keeps what they are read from.
struct Blocks {
  int order;
  std::unique_ptr<arpa::Source> source;

  py::tuple next() {
    arpa::Ngrams block;
    {
      const Unlocked unlocked;
      block = source->next();
    }
    const auto rows = py::ssize_t(block.size());
    if (rows == 0) throw py::stop_iteration();
    return py::make_tuple(to_numpy(Words(block.words.begin(), block.words.end()), {rows, order}),
                          to_numpy(std::vector<float>(block.probability.begin(), block.probability.end())),
                          to_numpy(std::vector<float>(block.backoff.begin(), block.backoff.end())));
  }
};

// The words and the function that the writer refers to.
class Writer {
 public:
  Writer(std::vector<std::string> words, std::vector<uint64_t> counts, py::function sink)
      : words_(std::move(words)),
        sink_(std::move(sink)),
        writer_([this](ngram::Word word) { return std::string_view(words_[word]); }, ngram::Word(words_.size()),
                std::move(counts), sink_of(sink_)) {}

  Writer(const Writer&) = delete;

  template <class T>
  using Input = py::array_t<T, py::array::c_style>;

  void add(const Input<ngram::Word>& words, const Input<float>& probability, const Input<float>& backoff) {
    const arpa::Ngrams ngrams{{words.data(), size_t(words.size())},
                              {probability.data(), size_t(probability.size())},
                              {backoff.data(), size_t(backoff.size())}};
    const Unlocked unlocked;
    writer_.add(ngrams);
  }

  void finish() {
    const Unlocked unlocked;
    writer_.finish();
  }

 private:
  std::vector<std::string> words_;
  py::function sink_;
  arpa::Writer writer_;
};

const arpa::Level& level(const arpa::Model& model, int order) {
  if (order < 1 || order > model.order())
    throw py::value_error("order must be between 1 and " + std::to_string(model.order()) + ", got " +
                          std::to_string(order));
  return model.levels[order - 1];
}

std::vector<uint64_t> counts(const arpa::Model& model) {
  std::vector<uint64_t> counts;
  for (const arpa::Level& level : model.levels) counts.push_back(level.size);
  return counts;
}

std::vector<std::string> vocabulary(const arpa::Model& model) {
  std::vector<std::string> words;
  for (size_t word = 0; word < model.vocabulary->size(); word++)
    words.emplace_back(model.vocabulary->text(ngram::Word(word)));
  return words;
}

auto nodes(const arpa::Model& model, int order) {
  level(model, order);
  Words words;
  std::vector<uint64_t> children;
  std::vector<float> probability, backoff;
  {
    const Unlocked unlocked;
    const auto source = arpa::open_nodes(model.levels, order);
    for (auto block = source->next(); !block.empty(); block = source->next())
      for (const arpa::Node& node : block) {
        words.push_back(node.word), children.push_back(node.children);
        probability.push_back(node.probability), backoff.push_back(node.backoff);
      }
  }
  return py::make_tuple(to_numpy(std::move(words)), to_numpy(std::move(children)), to_numpy(std::move(probability)),
                        to_numpy(std::move(backoff)));
}

void write(const arpa::Model& model, const py::function& sink) {
  const auto take = sink_of(sink);
  const Unlocked unlocked;
  arpa::write(model.levels, [&model](ngram::Word word) { return model.vocabulary->text(word); }, take);
}

std::shared_ptr<ngram::Model> model_of(const arpa::Model& read, int bits, bool compact) {
  const Unlocked unlocked;
  return std::make_shared<ngram::Model>(
      arpa::model_of(read, bits, compact ? ngram::Layout::kCompact : ngram::Layout::kFast, {.poll = poll_signals}));
}

void write_model(const ngram::Model& model, const py::function& sink) {
  const auto take = sink_of(sink);
  const Unlocked unlocked;
  const ngram::Vocabulary& words = model.vocabulary();
  arpa::write(
      arpa::levels_of(model, {.poll = poll_signals}), [&words](ngram::Word word) { return words.text(word); }, take);
}

}  // namespace

void add_arpa(py::module_& m) {
  m.def("write_arpa", write_model, py::arg("model"), py::arg("sink"));
  py::class_<arpa::Reader>(m, "ArpaReader")
      .def(py::init([](std::optional<std::vector<std::string>> vocabulary, size_t memory, std::string folder) {
             return std::make_unique<arpa::Reader>(ngram::arpa::SortOptions{memory, std::move(folder), poll_signals},
                                                   std::move(vocabulary));
           }),
           py::kw_only(), py::arg("vocabulary") = py::none(), py::arg("memory") = size_t(1) << 30,
           py::arg("folder") = "")
      .def("begin", &arpa::Reader::begin, py::arg("source"))
      .def(
          "add",
          [](arpa::Reader& reader, const py::bytes& block) {
            const std::string_view text = block;
            const Unlocked unlocked;
            reader.add(text);
          },
          py::arg("block"))
      .def("finish", [](arpa::Reader& reader) {
        const Unlocked unlocked;
        return std::make_shared<arpa::Model>(reader.finish());
      });

  py::class_<Blocks>(m, "ArpaBlocks")
      .def("__iter__", [](Blocks& blocks) -> Blocks& { return blocks; })
      .def("__next__", &Blocks::next);

  py::class_<arpa::Model, std::shared_ptr<arpa::Model>>(m, "ArpaModel")
      .def_property_readonly("counts", counts)
      .def_property_readonly("vocabulary", vocabulary)
      .def_property_readonly("unknown_missing", [](const arpa::Model& model) { return model.notes.unknown_missing; })
      .def_property_readonly("lacking", [](const arpa::Model& model) { return model.notes.lacking; })
      .def_property_readonly("rounded", [](const arpa::Model& model) { return model.notes.rounded; })
      .def_property_readonly("inserted", [](const arpa::Model& model) { return model.notes.inserted; })
      .def(
          "blocks", [](const arpa::Model& model, int order) { return Blocks{order, level(model, order).open()}; },
          py::arg("order"))
      .def("nodes", nodes, py::arg("order"))
      .def("model", model_of, py::arg("bits"), py::arg("compact"))
      .def("write", write, py::arg("sink"));

  py::class_<Writer>(m, "ArpaWriter")
      .def(py::init<std::vector<std::string>, std::vector<uint64_t>, py::function>(), py::arg("words"),
           py::arg("counts"), py::arg("sink"))
      .def("add", &Writer::add, py::arg("ngrams"), py::arg("probability"), py::arg("backoff"))
      .def("finish", &Writer::finish);
}

}  // namespace fastlm::python
