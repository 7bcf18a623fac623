// What the files of this folder share: each adds its classes to the module fastlm._ngram.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../core/ngram/model.h"
#include "../core/ngram/utf8.h"

namespace fastlm::python {

namespace py = pybind11;

// Shared, so that a model and a text's reader keep what they read from.
using TablePointer = std::shared_ptr<const ngram::Table>;
using ModelPointer = std::shared_ptr<const ngram::Model>;
using Words = std::vector<ngram::Word>;
using Unlocked = py::gil_scoped_release;  // for the time of a call

// Lets Ctrl-C end a long call that is unlocked.
inline void poll_signals() {
  const py::gil_scoped_acquire locked;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

// Gives blocks to a Python function, unless Ctrl-C has ended the work. The function must outlive it.
inline std::function<void(std::string_view)> sink_of(const py::function& take) {
  return [&take](std::string_view block) {
    const py::gil_scoped_acquire locked;
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    take(py::bytes(block.data(), block.size()));
  };
}

void add_arpa(py::module_& m);
void add_counter(py::module_& m);
void add_table(py::module_& m);
void add_model(py::module_& m);
void add_query(py::module_& m, py::class_<ngram::Model, std::shared_ptr<ngram::Model>>& model);
void add_suffix(py::module_& m);

// A tuple of numbers that Python owns.
template <class T>
py::array_t<T> to_numpy(std::vector<T>&& numbers, std::vector<py::ssize_t> shape) {
  auto* owner = new std::vector<T>(std::move(numbers));
  return py::array_t<T>(std::move(shape), owner->data(),
                        py::capsule(owner, [](void* p) { delete static_cast<std::vector<T>*>(p); }));
}

template <class T>
py::array_t<T> to_numpy(std::vector<T>&& numbers) {
  const auto size = py::ssize_t(numbers.size());
  return to_numpy(std::move(numbers), {size});
}

// What reads a text that comes in blocks, with the table or model that it refers to.
template <class Reader, class Held>
struct Reading {
  std::shared_ptr<const Held> held;
  Reader reader;

  template <class... More>
  Reading(std::shared_ptr<const Held> held, const std::string& errors, More&&... more)
      : held(std::move(held)), reader(*this->held, ngram::invalid_utf8_policy(errors), std::forward<More>(more)...) {}
};

// Its class, with begin and add.
template <class R>
py::class_<R> add_reading(py::module_& m, const char* name) {
  return py::class_<R>(m, name)
      .def(
          "begin", [](R& r, std::string source) { r.reader.begin(std::move(source)); }, py::arg("source"))
      .def(
          "add",
          [](R& r, const py::bytes& block) {
            const std::string_view text = block;
            const Unlocked unlocked;
            r.reader.add(text);
          },
          py::arg("block"));
}

// How a model is estimated, as Python says it.
struct EstimationArguments {
  std::string smoothing;
  ngram::Choices choices;
  std::vector<uint64_t> prune;
  bool compact;
  std::optional<std::vector<std::string>> limit_vocabulary;
  bool interpolate_unigrams;
  uint64_t vocabulary_pad;

  ngram::Estimation of(const ngram::Vocabulary& vocabulary) const {
    ngram::Estimation estimation{smoothing,
                                 choices,
                                 prune,
                                 compact ? ngram::Layout::kCompact : ngram::Layout::kFast,
                                 {},
                                 interpolate_unigrams,
                                 vocabulary_pad,
                                 {}};
    if (!limit_vocabulary) return estimation;
    estimation.limit.resize(vocabulary.size());
    for (const std::string& word : *limit_vocabulary) estimation.limit[vocabulary.find(word)] = true;
    return estimation;
  }
};

inline const Words& check_words(const ngram::Table& table, const Words& words) {
  for (ngram::Word word : words)
    if (word >= table.vocabulary().size())
      throw py::index_error("expected ids of words below " + std::to_string(table.vocabulary().size()) + ", got " +
                            std::to_string(word));
  return words;
}

}  // namespace fastlm::python
