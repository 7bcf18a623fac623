// fastlm._ngram: the n-gram engine as Python classes.
#include <pybind11/pybind11.h>

PYBIND11_MODULE(_ngram, m) { m.doc() = "The n-gram engine of fastlm."; }
