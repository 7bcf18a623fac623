"""The layers of the house: arrows go down only. Reads includes and imports; runs nothing."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# What the files of a layer may use, besides the layer itself.
CXX_LAYERS = {
    "core": set(),
    "cpu": {"core"},
    "cuda": {"core"},
    "torch": {"core", "cpu", "cuda"},
    "python": {"core"},
}
# Headers from outside that only one layer may include.
CXX_OWNERS = {
    "torch/": {"torch"},
    "pybind11/": {"python"},
    "Python.h": {"python"},
    "cuda": {"cuda"},
    "cooperative_groups": {"cuda"},
    "immintrin.h": {"cpu"},
    "experimental/simd": {"cpu"},
}
PYTHON_LAYERS = {
    "_library": set(),
    "_ngram": set(),
    "reference": set(),
    "ops": {"_library", "reference"},
    "_checked": {"reference"},
    "_selftest": {"ops", "reference"},
    "nn": {"ops"},
    "optim": {"ops"},
    "ngram": {"_ngram"},
    "lm": {"nn", "ops", "optim", "ngram"},
    "distributed": {"ngram", "lm"},
    "cli": {"__init__", "_selftest", "ngram", "lm", "distributed", "bench"},
    "bench": {"__init__", "ngram", "lm"},
    "__init__": {"_library", "reference", "ops", "_checked", "nn", "ngram", "optim", "lm"},
}


def cxx_arrows(path, text):
    """Layers and outside headers that a C++ or CUDA file includes."""
    for kind, name in re.findall(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', text, re.M):
        if kind == '"':
            target = (path.parent / name).resolve()
            if target.is_relative_to(ROOT / "csrc"):
                yield target.relative_to(ROOT / "csrc").parts[0]
                continue
        yield name


def cxx_violations(layer, arrows):
    for arrow in arrows:
        if arrow in CXX_LAYERS:
            if arrow != layer and arrow not in CXX_LAYERS[layer]:
                yield f"csrc/{layer} includes csrc/{arrow}"
        else:
            for prefix, owners in CXX_OWNERS.items():
                if arrow.startswith(prefix) and layer not in owners:
                    yield f"csrc/{layer} includes <{arrow}>"


def python_arrows(text):
    """Layers of fastlm that a Python file imports."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = inner if node.module == "fastlm" else [node.module]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "fastlm":
                yield parts[1] if len(parts) > 1 else "__init__"


def python_violations(layer, arrows):
    for arrow in arrows:
        if arrow != layer and arrow not in PYTHON_LAYERS[layer]:
            yield f"fastlm/{layer} imports fastlm.{arrow}"


def cxx_files():
    return [p for p in sorted((ROOT / "csrc").rglob("*")) if p.suffix in {".h", ".cc", ".cu", ".cuh"}]


def python_files():
    """Every Python file of the package, with its layer. The suites in bench/ are fastlm.bench when installed."""
    for path in sorted((ROOT / "fastlm").rglob("*.py")):
        yield path, path.relative_to(ROOT / "fastlm").parts[0].removesuffix(".py")
    for path in sorted((ROOT / "bench").rglob("*.py")):
        yield path, "bench"


def test_includes_go_down():
    found = [
        f"{path.relative_to(ROOT)}: {violation}"
        for path in cxx_files()
        for violation in cxx_violations(path.relative_to(ROOT / "csrc").parts[0], cxx_arrows(path, path.read_text()))
    ]
    assert not found, "\n".join(found)


def test_imports_go_down():
    found = [
        f"{path.relative_to(ROOT)}: {violation}"
        for path, layer in python_files()
        for violation in python_violations(layer, python_arrows(path.read_text()))
    ]
    assert not found, "\n".join(found)


def test_lm_uses_ngram_for_evaluation_only():
    users = [
        path.name for path, layer in python_files() if layer == "lm" and "ngram" in python_arrows(path.read_text())
    ]
    assert set(users) <= {"evaluation.py", "interpolation.py", "comparison.py", "__init__.py"}


def test_every_layer_has_content():
    for layer in CXX_LAYERS:
        assert any(p.relative_to(ROOT / "csrc").parts[0] == layer for p in cxx_files()), layer
    layers = {layer for path, layer in python_files() if len(path.read_text()) > 200}
    assert layers >= set(PYTHON_LAYERS) - {"_ngram"}


@pytest.mark.parametrize(
    ("layer", "include"),
    [
        ("core", '#include "../cpu/simd.h"'),
        ("cpu", "#include <torch/csrc/stable/tensor.h>"),
        ("cuda", '#include "../cpu/team.h"'),
        ("python", '#include "../torch/aten.h"'),
        ("core", "#include <pybind11/pybind11.h>"),
        ("core", "#include <cuda_runtime.h>"),
    ],
)
def test_an_include_that_goes_up_is_found(layer, include):
    assert list(cxx_violations(layer, cxx_arrows(ROOT / "csrc" / layer / "new.h", include)))


@pytest.mark.parametrize(
    ("layer", "line"),
    [
        ("ops", "from fastlm.nn import RNN"),
        ("ops", "from fastlm import nn"),
        ("nn", "import fastlm"),
        ("ngram", "from fastlm import ops"),
        ("_library", "import fastlm.ops.rnn"),
        ("nn", "from fastlm.lm import RecurrentLM"),
    ],
)
def test_an_import_that_goes_up_is_found(layer, line):
    assert list(python_violations(layer, python_arrows(line)))
