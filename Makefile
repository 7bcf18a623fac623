# make demo   builds fastlm and runs it on real text
# make test   builds fastlm and runs every check
# make gpu    on a machine with a GPU: every check there, then the measurements, and a report in bench-output/gpu
# Each does all its own set-up in .venv: a virtual environment, torch unless this Python has it, the rest from PyPI.
# Needed: Python 3.11 or later with venv, a C++20 compiler (g++ >= 11), make. nvcc is used if it is there.
PYTHON ?= python3
TORCH ?= torch==2.13.0
VENV := .venv
BIN := $(VENV)/bin
SOURCES := $(shell find csrc -type f) setup.py pyproject.toml
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: demo test lint test-python test-cpp cuda-table cuda-model gpu clean

demo: $(VENV)/.demo
	$(BIN)/python examples/demo.py

test: lint test-cpp test-python

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	find csrc tests -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' | xargs $(BIN)/clang-format --dry-run -Werror

test-python: $(VENV)/.dev
	$(BIN)/python -m pytest -q -n auto --dist loadfile

# The C++ core, CPU and CUDA kernels, the latter executed on the CPU: for memory errors and for races.
test-cpp: $(VENV)/.dev
	for sanitizer in address,undefined thread; do \
	  $(BIN)/cmake -S . -B build/$$sanitizer -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN))/ninja \
	    -DFASTLM_SANITIZE=$$sanitizer -DFASTLM_GTEST=$(abspath $(VENV))/src/gtest_vendor > build/$$sanitizer.log \
	  && $(BIN)/cmake --build build/$$sanitizer && $(BIN)/ctest --test-dir build/$$sanitizer --output-on-failure -j 2 \
	  || exit 1; \
	done

# After a change of the CUDA kernels: docs/cuda-kernels.csv and .md from the library as it is built now, ...
cuda-table: $(VENV)/.dev
	$(BIN)/python -m tests.cuda.kernel_table --write
	$(BIN)/python -m fastlm.bench.cuda_model

# ... and what they could do on a GPU at best, by a model: docs/cuda-model.md, .csv and .png.
cuda-model: $(VENV)/.dev
	$(BIN)/python -m fastlm.bench.cuda_model

gpu:
	@$(PYTHON) bench/gpu_device.py
	$(MAKE) $(VENV)/.dev
	$(BIN)/python -m fastlm.bench.gpu_report

# An environment with torch, and what a build needs.
$(VENV)/.torch:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fastlm needs Python 3.11 or later")'
	$(PYTHON) -m venv $(shell $(PYTHON) -c 'import torch; print("--system-site-packages")' 2>/dev/null) $(VENV)
	$(BIN)/python -c 'import torch' 2>/dev/null || $(PIP) $(TORCH)
	$(PIP) 'setuptools>=77' wheel 'pybind11>=2.13' 'ninja>=1.11' numpy
	touch $@

# fastlm itself, with the packages of one of its extras; ninja rebuilds what has changed.
$(VENV)/.demo $(VENV)/.dev: $(VENV)/.%: $(VENV)/.torch $(SOURCES)
	PATH=$(abspath $(BIN)):$$PATH $(PIP) --no-build-isolation --editable '.[$*]'
	mkdir -p build
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info fastlm/*.so demo-output bench-output
