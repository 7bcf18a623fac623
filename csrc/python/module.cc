// fastlm._ngram: the n-gram engine as Python classes. fastlm/_ngram.pyi says what they do.
#include "../core/ngram/errors.h"
#include "../core/ngram/random_loads.h"
#include "engine.h"

PYBIND11_MODULE(_ngram, m) {
  namespace py = pybind11;
  using namespace fastlm;
  m.doc() = "The n-gram engine of fastlm.";
  py::register_exception<ngram::FormatError>(m, "FormatError", PyExc_ValueError);
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const ngram::FileError& error) {  // Python chooses the kind of OSError by errno
      errno = error.code().value();
      PyErr_SetFromErrnoWithFilename(PyExc_OSError, error.path.c_str());
    }
  });
  m.def(
      "seconds_a_load",
      [](size_t bytes, size_t chains) {
        const python::Unlocked unlocked;
        return ngram::seconds_a_load(bytes, chains);
      },
      py::arg("bytes"), py::arg("chains"));
  python::add_table(m);
  python::add_model(m);
  python::add_counter(m);
  python::add_arpa(m);
  python::add_suffix(m);
}
