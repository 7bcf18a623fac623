"""The cells against torch's: the same constructor, state_dict, results, gradients and errors."""

import copy
import pickle

import pytest
import torch
from torch import nn

import fastlm
from tests.nn.test_rnn import DTYPES, as_argument, assert_same, draw_hx, flat, pair, same_error

KINDS = pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell"])
OURS = pytest.mark.parametrize("kind", ["RNNCell", "LSTMCell", "GRUCell", "IndRNNCell"])


@DTYPES
@KINDS
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("hidden", [1, 3, 17, 65])
@pytest.mark.parametrize("batch", [(), (0,), (1,), (9,)], ids=str)
def test_parity_with_torch(kind, dtype, bias, hidden, batch, device):
    for options in [{}, {"nonlinearity": "relu"}] if kind == "RNNCell" else [{}]:
        theirs, ours = pair(kind, 5, hidden, bias, **options, device=device, dtype=dtype)
        input = torch.randn(*batch, 5, device=device, dtype=dtype)
        for hx in (draw_hx(kind, *batch, hidden, device=device, dtype=dtype), []):
            if hx or batch != (0,):  # torch has no gradient of nothing from nothing
                assert_same(theirs, ours, input, hx, dtype)


@OURS
def test_walks_as_the_layer_does(kind, device):
    cell = getattr(fastlm, kind)(4, 17, device=device, dtype=torch.float64)
    layer = getattr(fastlm, kind.removesuffix("Cell"))(4, 17, device=device, dtype=torch.float64)
    layer.load_state_dict({f"{name}_l0": value for name, value in cell.state_dict().items()})
    x, states = torch.randn(6, 3, 4, device=device, dtype=torch.float64), None
    output, want = layer(x)
    for step, want_h in zip(x, output, strict=True):
        states = cell(step, states)
        torch.testing.assert_close(flat(states)[0], want_h)
    torch.testing.assert_close([state[None] for state in flat(states)], flat(want))


@OURS
def test_gradients_of_first_and_second_order(kind, device):
    cell = getattr(fastlm, kind)(2, 3, device=device, dtype=torch.float64)
    names = [name for name, _ in cell.named_parameters()]

    def function(input, *tensors):
        states, weights = tensors[: -len(names)], dict(zip(names, tensors[-len(names) :], strict=True))
        return torch.func.functional_call(cell, weights, (input, as_argument(states)))

    hx = draw_hx(kind, 2, 3, device=device, dtype=torch.float64, requires_grad=True)
    input = torch.randn(2, 2, device=device, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(function, (input, *hx, *cell.parameters()))
    assert torch.autograd.gradgradcheck(function, (input, *hx, *cell.parameters()))


@OURS
@pytest.mark.parametrize("batch", [(), (3,)], ids=str)
def test_torch_compile_gives_the_same(kind, batch, device):
    torch.compiler.reset()  # the kinds share code, and there is a limit on how often it is compiled
    cell = getattr(fastlm, kind)(5, 17, device=device)
    compiled = torch.compile(cell, fullgraph=True)
    x = torch.randn(*batch, 5, device=device)
    for hx in (None, as_argument(draw_hx(kind, *batch, 17, device=device))):
        want, got = flat(cell(x, hx)), flat(compiled(x, hx))
        torch.testing.assert_close(got, want)
        grads = [torch.autograd.grad([s.square().sum() for s in states], cell.parameters()) for states in (got, want)]
        torch.testing.assert_close(*grads)


@KINDS
@pytest.mark.parametrize("bias", [True, False])
def test_state_dict_both_ways_and_the_same_initial_parameters(kind, bias):
    cells = []
    for of in (nn, fastlm):
        torch.manual_seed(5)
        cells.append(getattr(of, kind)(3, 4, bias))
    theirs, ours = cells
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())


@KINDS
@pytest.mark.parametrize("options", [{}, {"bias": False}, {"bias": 0}, {"dtype": torch.float64}], ids=str)
def test_repr_is_torchs(kind, options):
    ours, theirs = (getattr(of, kind)(3, 4, **options) for of in (fastlm, nn))
    assert repr(ours) == repr(theirs)


def test_repr_names_the_nonlinearity_as_torch_does():
    ours, theirs = (of.RNNCell(3, 4, False, "relu") for of in (fastlm, nn))
    assert repr(ours) == repr(theirs)


@OURS
def test_copies_pickles_and_the_meta_device(kind):
    cell = getattr(fastlm, kind)(3, 4)
    x = torch.randn(2, 3)
    for other in (copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        torch.testing.assert_close(other(x), cell(x), rtol=0, atol=0)
    shapes = [state.shape for state in flat(getattr(fastlm, kind)(3, 4, device="meta")(x.to("meta")))]
    assert shapes == [state.shape for state in flat(cell(x))]


SAME_ERRORS = {
    "input size": lambda c, _: c(5, 4)(torch.randn(2, 3)),
    "unbatched input size": lambda c, _: c(5, 4)(torch.randn(3)),
    "hidden size": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(2, 5)),
    "batch of hx": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(1, 4)),
    "everything": lambda c, hx: c(3, 4)(torch.randn(2, 5), hx(1, 6)),
    "dtype": lambda c, _: c(3, 4)(torch.randn(2, 3, dtype=torch.float64)),
    "dtype without bias": lambda c, _: c(3, 4, False)(torch.randn(2, 3, dtype=torch.float64)),
    "dtype of hx": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(2, 4, dtype=torch.float64)),
    "integer input": lambda c, _: c(3, 4)(torch.ones(2, 3, dtype=torch.int64)),
    "device": lambda c, _: c(3, 4)(torch.randn(2, 3, device="meta")),
    "dimensions": lambda c, _: c(3, 4)(torch.randn(2, 2, 3)),
    "no dimensions": lambda c, _: c(3, 4)(torch.tensor(1.0)),
    "dimensions of hx": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(1, 2, 4)),
    "batched hx": lambda c, hx: c(3, 4)(torch.randn(3), hx(1, 4)),
    "unbatched hx": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(4)),
    "negative hidden": lambda c, _: c(3, -1),
    "negative input": lambda c, _: c(-1, 3),
    "float hidden": lambda c, _: c(3, 4.0),
    "float input": lambda c, _: c(3.0, 4),
}


@KINDS
@pytest.mark.parametrize("call", SAME_ERRORS.values(), ids=SAME_ERRORS.keys())
def test_errors_are_torchs(call, kind):
    theirs, ours = same_error(call, kind)
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("RNNCell", lambda c, _: c(3, 4, nonlinearity="cube")(torch.randn(2, 3))),
        ("LSTMCell", lambda c, _: c(3, 4)(torch.randn(2, 3), torch.randn(2, 4))),
        ("LSTMCell", lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(2, 4)[:1])),
        ("LSTMCell", lambda c, hx: c(3, 4)(torch.randn(2, 3), (hx(2, 4)[0], hx(2, 5)[1]))),
    ],
    ids=["nonlinearity", "one tensor", "one state", "second state"],
)
def test_errors_of_one_kind_are_torchs(kind, call):
    theirs, ours = same_error(call, kind)
    assert (type(ours), str(ours)) == (type(theirs), str(theirs))
