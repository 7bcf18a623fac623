"""What is loaded when: the public names, each from its module, and no torch for the n-gram models."""

import os
import pickle
import subprocess
import sys
from importlib import import_module

import pytest
import torch

import fastlm


def python(code, *arguments, **options):
    options = {"text": True} | options
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, timeout=120, **options)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("imports") / "model"
    fastlm.ngram.count_sentences(["a b", "a c"], 2).estimate("add-delta").save(path)
    return path


@pytest.mark.parametrize(
    "code",
    [
        "import fastlm; dir(fastlm); fastlm.__version__",
        "import fastlm.ngram",
        "from fastlm import ngram; ngram.count_sentences(['a b'], 2).estimate('add-delta').perplexity_of(['a'])",
    ],
)
def test_the_ngram_models_do_not_load_torch(code):
    assert python(code + "; import sys; print('torch' in sys.modules)") == "False\n"


@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "ngram --help",
        "ngram info {}",
        "ngram query {} a",
        "ngram next {} a",
        "bench --help",
        "lm --help",
        "lm train --help",
    ],
)
def test_the_command_line_does_not_load_torch(command, model):
    code = (
        "import sys; from fastlm.cli import main\n"
        "try: main()\nexcept SystemExit as end: sys.exit(end.code or 'torch' in sys.modules)"
    )
    assert python(code, *command.format(model).split())


@pytest.mark.parametrize("name", fastlm.__all__)
def test_each_name_is_there_by_itself(name):
    code = f"import fastlm; a = fastlm.{name}; from fastlm import {name} as b; assert a is b is vars(fastlm)['{name}']"
    python(code)


def test_the_names_are_those_of_their_modules():
    assert set(fastlm.nn.__all__) <= set(fastlm.__all__) <= set(dir(fastlm))
    for name in fastlm.nn.__all__:
        assert getattr(fastlm, name) is getattr(fastlm.nn, name)
    for name in ("lm", "ngram", "nn", "ops", "optim", "reference"):
        assert getattr(fastlm, name) is import_module(f"fastlm.{name}")


def test_all_names_at_once():
    python(f"from fastlm import *; assert set(globals()) >= set({fastlm.__all__!r}); LSTM(2, 3); status.isa")


def test_the_operators_come_with_ops():
    python("import torch, fastlm.ops; torch.ops.fastlm.dropout.default")


@pytest.mark.parametrize("name", ["nonsense", "_C"])
def test_other_names_are_refused(name):
    with pytest.raises(AttributeError, match=f"module 'fastlm' has no attribute '{name}'"):
        getattr(fastlm, name)
    assert not hasattr(fastlm, name)
    with pytest.raises(ImportError, match=f"cannot import name '{name}'"):
        exec(f"from fastlm import {name}")


def test_pickled_modules_bring_what_they_need(tmp_path):
    rnn = fastlm.LSTM(2, 3)
    data = pickle.dumps(rnn)
    assert pickle.loads(data).hidden_size == 3
    torch.save(rnn, tmp_path / "module")
    code = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read()).hidden_size)"
    assert python(code, input=data, text=False) == b"3" + os.linesep.encode()
    code = "import sys, torch; print(torch.load(sys.argv[1], weights_only=False).hidden_size)"
    assert python(code, str(tmp_path / "module")) == "3\n"
