"""Finding and loading the compiled parts: every level that this CPU runs, and clear words when one is missing."""

import os
import subprocess
import sys

import pytest

import fastlm

SELF_TEST = "import fastlm; from fastlm import _selftest; assert all(o.ok for o in _selftest.run('cpu')); "


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize("level", [level for level in fastlm.status.runnable if level in fastlm.status.built])
def test_each_level_works(level):
    result = python(SELF_TEST + "print(fastlm.status.isa)", FASTLM_ISA=level)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == level


def test_the_best_level_is_the_default():
    result = python("import fastlm; print(fastlm.status.isa == fastlm.status.runnable[0])", FASTLM_ISA="")
    assert result.stdout.strip() == "True", result.stderr


def test_an_unknown_level_is_refused():
    result = python("import fastlm.nn", FASTLM_ISA="v9")
    assert "ImportError: fastlm: FASTLM_ISA=v9, but this CPU can run " in result.stderr


def test_a_missing_library_says_how_to_get_it():
    code = "import pathlib; pathlib.Path.exists = lambda self: False; from fastlm import LSTM"
    result = python(code)
    assert "ImportError: fastlm: no CPU library for " in result.stderr
    assert "pip install --no-build-isolation" in result.stderr


def test_works_after_fork():
    code = "import os, torch; rnn = fastlm.RNN(40, 40); x = torch.randn(30, 40, 40); rnn(x)\n"
    code = "import fastlm\n" + code + "pid = os.fork()\nrnn(x)[0].sum().backward()\nif pid: os.waitpid(pid, 0)"
    result = python(code, OMP_NUM_THREADS="1")
    assert result.returncode == 0, result.stderr
