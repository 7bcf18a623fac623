// Probabilities: fastlm._ngram.Model, and the smoothings there are.
#include "../core/ngram/model.h"

#include "../core/ngram/batch.h"
#include "../core/ngram/generate.h"
#include "../core/ngram/merging.h"
#include "../core/ngram/pruning.h"
#include "../core/ngram/storage.h"
#include "../core/ngram/token_scores.h"
#include "engine.h"

namespace fastlm::python {
namespace {

using ngram::Model;

auto score(const Model& model, const Words& words, const Words& start) {
  check_words(model.table(), words), check_words(model.table(), start);
  std::vector<float> log10(words.size());
  std::vector<uint8_t> order(words.size());
  {
    const Unlocked unlocked;
    ngram::State state = model.state_after(start);
    for (size_t i = 0; i < words.size(); i++) {
      const ngram::Score score = model.score(state, words[i]);
      log10[i] = score.log10, order[i] = uint8_t(score.order);
    }
  }
  return py::make_tuple(to_numpy(std::move(log10)), to_numpy(std::move(order)));
}

auto distribution(const Model& model, const Words& context) {
  check_words(model.table(), context);
  std::vector<float> probabilities(model.vocabulary().size());
  {
    const Unlocked unlocked;
    model.distribution(model.state_after(context), probabilities);
  }
  return to_numpy(std::move(probabilities));
}

std::vector<Words> generate(const Model& model, const Words& start, int64_t max_words, double temperature,
                            int64_t top_k, uint64_t seed, uint32_t number, int threads) {
  check_words(model.table(), start);
  std::vector<Words> sentences(number);
  const Unlocked unlocked;
  ngram::parallel(number, {.threads = threads, .poll = poll_signals}, [&](size_t i) {
    sentences[i] = ngram::generate(model, start, {max_words, temperature, top_k, seed, uint32_t(i)});
  });
  return sentences;
}

using TokenScores = Reading<ngram::TokenScores, Model>;

py::tuple finish(TokenScores& s) {
  s.reader.finish();
  return py::make_tuple(to_numpy(std::move(s.reader.log10())), to_numpy(std::move(s.reader.unknown())),
                        s.reader.sentences());
}

py::object load(const std::string& path, bool verify) {
  auto loaded = [&] {
    const Unlocked unlocked;
    return ngram::load(path, verify);
  }();
  if (auto* model = std::get_if<Model>(&loaded)) return py::cast(std::make_shared<Model>(std::move(*model)));
  return py::cast(std::make_shared<ngram::Table>(std::move(std::get<ngram::Table>(loaded))));
}

auto smoothings() {
  std::map<std::string, std::map<std::string, std::tuple<std::optional<double>, double, double, int>>> list;
  for (const auto& kind : ngram::smoothings()) {
    auto& parameters = list[kind.name];
    for (const auto& [name, p] : kind.parameters) parameters[name] = {p.preset, p.least, p.greatest, p.numbers};
  }
  return list;
}

}  // namespace

void add_model(py::module_& m) {
  py::class_<Model, std::shared_ptr<Model>> model(m, "Model");
  model
      .def_property_readonly("table",
                             [](const std::shared_ptr<Model>& model) {  // a part of the model, which it keeps alive
                               return std::shared_ptr<ngram::Table>(model, const_cast<ngram::Table*>(&model->table()));
                             })
      .def_property_readonly("smoothing", &Model::smoothing)
      .def_property_readonly("parameters", &Model::parameters)
      .def("score", score, py::arg("words"), py::arg("start"))
      .def("distribution", distribution, py::arg("context"))
      .def("generate", generate, py::arg("start"), py::arg("max_words"), py::arg("temperature"), py::arg("top_k"),
           py::arg("seed"), py::arg("number") = 1, py::arg("threads") = 1)
      .def(
          "quantize",
          [](const Model& model, int bits) {
            const Unlocked unlocked;
            return std::make_shared<Model>(ngram::quantize(model, bits, {.poll = poll_signals}));
          },
          py::arg("bits"))
      .def(
          "prune",
          [](const Model& model, double threshold) {
            const Unlocked unlocked;
            return std::make_shared<Model>(ngram::prune(model, threshold, {.poll = poll_signals}));
          },
          py::arg("threshold"))
      .def(
          "save",
          [](const Model& model, const std::string& path) {
            const Unlocked unlocked;
            ngram::save(model, path);
          },
          py::arg("path"));
  add_reading<TokenScores>(m, "TokenScores")
      .def(py::init<ModelPointer, const std::string&>(), py::arg("model"), py::kw_only(), py::arg("errors") = "strict")
      .def("finish", finish);
  m.def(
      "merge",
      [](const std::vector<ModelPointer>& models, const std::vector<double>& weights) {
        const Unlocked unlocked;
        return std::make_shared<Model>(ngram::merge(models, weights, {.poll = poll_signals}));
      },
      py::arg("models"), py::arg("weights"));
  add_query(m, model);
  m.def("load", load, py::arg("path"), py::arg("verify") = true);
  m.def("smoothings", smoothings);
}

}  // namespace fastlm::python
