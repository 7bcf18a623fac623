"""The recurrent modules in rough programs: threads, forks, copies, parametrizations; and the same bits each time."""

import copy
import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

import fastlm
from tests.nn.concurrency import PROGRAMS
from tests.nn.test_rnn import draw_hx, run
from tests.threads import threads

ROOT = Path(__file__).parents[2]
MODULES = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "IndRNN"])
ALL = pytest.mark.parametrize(
    "kind", [name for kind in ("RNN", "LSTM", "GRU", "IndRNN") for name in (kind, f"{kind}Cell")]
)


@pytest.mark.parametrize("program", [program.__name__ for program in PROGRAMS])
def test_neither_wrong_nor_stuck(program):
    command = [sys.executable, "-m", "tests.nn.concurrency", program]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            _, errors = process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with its children, which hold stderr open
            raise
    assert process.returncode == 0, errors


@MODULES
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(("batch", "hidden"), [(2, 512), (33, 40)], ids=["units divided", "batch divided"])
def test_same_bits_each_time(kind, count, batch, hidden):
    module = getattr(fastlm, kind)(7, hidden, bidirectional=True)
    x, hx = torch.randn(9, batch, 7), draw_hx(kind, 2, batch, hidden)
    with threads(count):
        first, *others = (run(module, x, hx) for _ in range(3))
    for results, grads in others:
        assert all(torch.equal(a, b) for a, b in zip([*results, *grads], [*first[0], *first[1]], strict=True))


@MODULES
def test_dropout_is_the_seeds_forward_and_backward(kind):
    module = getattr(fastlm, kind)(6, 20, 3, dropout=0.4)
    x, hx = torch.randn(5, 4, 6), draw_hx(kind, 3, 4, 20)
    runs = []
    for seed, count in ((1, 1), (1, 2), (2, 1)):
        torch.manual_seed(seed)
        with threads(count):
            results, grads = run(module, x, hx)
        runs.append([*results, *grads])
    torch.testing.assert_close(runs[0], runs[1])
    assert not torch.equal(runs[0][0], runs[2][0])


@MODULES
def test_gradients_in_eval_mode_are_those_without_dropout(kind):
    module = getattr(fastlm, kind)(6, 20, 2, dropout=0.4).eval()
    plain = getattr(fastlm, kind)(6, 20, 2)
    plain.load_state_dict(module.state_dict())
    x, hx = torch.randn(5, 4, 6), draw_hx(kind, 2, 4, 20)
    torch.testing.assert_close(run(module, x, hx), run(plain, x, hx), rtol=0, atol=0)


def _saved(module):
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@ALL
@pytest.mark.parametrize(
    "clone", [copy.copy, copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m)), _saved],
    ids=["copy", "deepcopy", "pickle", "torch.save"],
)  # fmt: skip
def test_clones_compute_the_same(kind, clone):
    module = getattr(fastlm, kind)(3, 4, bias=False).double().eval()
    x = torch.randn(2, 3, dtype=torch.float64)
    module(x)
    other = clone(module)
    assert repr(other) == repr(module)
    assert not other.training
    torch.testing.assert_close(other(x), module(x), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("name", ["weight_norm", "orthogonal", "spectral_norm"])
def test_parametrizations_are_torchs(kind, name):
    both, suffix = [], "" if kind.endswith("Cell") else "_l0"
    for of in (nn, fastlm):
        torch.manual_seed(3)
        module = getattr(of, kind)(5, 8)
        for weight in ("weight_ih", "weight_hh"):
            getattr(parametrizations, name)(module, weight + suffix)
        both.append(module.eval())  # spectral_norm goes on with its estimate in training
    theirs, ours = both
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = torch.randn(4, 5)
    want, got = theirs(x)[0], ours(x)[0]
    torch.testing.assert_close(got, want)
    grads = [torch.autograd.grad(y.square().sum(), m.parameters()) for y, m in ((got, ours), (want, theirs))]
    torch.testing.assert_close(*grads)


@MODULES
def test_tied_layers_share_their_gradient(kind):
    torch.manual_seed(2)
    tied, loose = (getattr(fastlm, kind)(6, 6, 2) for _ in range(2))
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    for name in names:
        setattr(tied, f"{name}_l1", getattr(tied, f"{name}_l0"))
    assert len(list(tied.parameters())) == len(names)
    loose.load_state_dict(tied.state_dict())
    x = torch.randn(5, 3, 6)
    for module in (tied, loose):
        module(x)[0].square().sum().backward()
    for name in names:
        apart = getattr(loose, f"{name}_l0").grad + getattr(loose, f"{name}_l1").grad
        torch.testing.assert_close(getattr(tied, f"{name}_l0").grad, apart)
