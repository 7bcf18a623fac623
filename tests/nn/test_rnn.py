"""The recurrent modules against torch's: the same constructor, state_dict, results, gradients and errors."""

import copy
import itertools
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import fastlm
from tests.compare import FORWARD, GRADIENT, relative_error

DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
KINDS = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])


def pair(kind, *args, device="cpu", dtype=torch.float64, **options):
    """torch's module and ours, with the same parameters."""
    theirs = getattr(nn, kind)(*args, **options, device=device, dtype=dtype)
    ours = getattr(fastlm, kind)(*args, **options, device=device, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def draw_hx(kind, *shape, **options):
    """Initial states as the module takes them, as a list."""
    return [torch.randn(shape, **options) for _ in range(2 if kind.startswith("LSTM") else 1)]


def as_argument(states):
    """Initial states as the module takes them."""
    return tuple(states) if len(states) > 1 else states[0] if states else None


def flat(result):
    """The tensors in what a module returns."""
    if isinstance(result, PackedSequence):
        return [result.data]
    return [tensor for part in result for tensor in flat(part)] if isinstance(result, tuple) else [result]


def run(module, input, hx, wants_input=True):
    """What the module returns, and the gradients of a weighted sum of it. hx is a list; empty: it is not given."""
    packed = isinstance(input, PackedSequence)
    data, *states = (t.detach().clone().requires_grad_() for t in (input.data if packed else input, *hx))
    data.requires_grad_(wants_input)
    results = flat(module(PackedSequence(data, *input[1:]) if packed else data, as_argument(states)))
    # weights of one sign: a sum that cancels has no relative accuracy, in torch either
    weights = [torch.linspace(0.5, 1.5, r.numel(), dtype=r.dtype, device=r.device).view_as(r) for r in results]
    leaves = [*([data] if wants_input else []), *states, *module.parameters()]
    return results, torch.autograd.grad(results, leaves, weights)


def assert_same(theirs, ours, input, hx, dtype, wants_input=True):
    # one unit: sums of terms of order 1 in a single number, which may be as near to zero as it likes
    least = 1.0 if theirs.hidden_size == 1 else 1e-30
    (want, want_grads), (got, got_grads) = (run(module, input, hx, wants_input) for module in (theirs, ours))
    for a, b in zip(got, want, strict=True):
        assert relative_error(a, b, least) < FORWARD[dtype]
    for a, b in zip(got_grads, want_grads, strict=True):
        assert relative_error(a, b, least) < GRADIENT[dtype]


@DTYPES
@KINDS
@pytest.mark.parametrize("hidden", [1, 3, 17, 257])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_parity_with_torch(kind, dtype, hidden, layers, bidirectional, device):
    nonlinearities = [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}] if kind == "RNN" else [{}]
    options = itertools.product(nonlinearities, [True, False], [False, True])
    for (nonlinearity, bias, batch_first), (steps, batch) in zip(
        options, itertools.cycle([(7, 3), (1, 4), (5, 1)]), strict=False
    ):
        theirs, ours = pair(
            kind, 5, hidden, layers, bias=bias, batch_first=batch_first, bidirectional=bidirectional,
            **nonlinearity, device=device, dtype=dtype,
        )  # fmt: skip
        shape = (batch, steps, 5) if batch_first else (steps, batch, 5)
        input = torch.randn(shape, device=device, dtype=dtype)
        hx = draw_hx(kind, layers * (1 + bidirectional), batch, hidden, device=device, dtype=dtype)
        assert_same(theirs, ours, input, hx, dtype)


@DTYPES
@KINDS
@pytest.mark.parametrize("enforce_sorted", [True, False])
@pytest.mark.parametrize("lengths", [(6, 4, 4, 1), (1,), (3, 3, 3)])
def test_packed_sequences(kind, dtype, enforce_sorted, lengths, device):
    if not enforce_sorted:
        lengths = lengths[::-1]
    theirs, ours = pair(kind, 4, 17, 2, bidirectional=True, device=device, dtype=dtype)
    input = pack_sequence([torch.randn(n, 4, device=device, dtype=dtype) for n in lengths], enforce_sorted)
    hx = draw_hx(kind, 4, len(lengths), 17, device=device, dtype=dtype)
    assert_same(theirs, ours, input, hx, dtype)
    (output, states), (want, want_states) = ours(input), theirs(input)
    assert isinstance(output, PackedSequence)
    assert output.batch_sizes.equal(want.batch_sizes)
    torch.testing.assert_close(output.data, want.data)
    torch.testing.assert_close(states, want_states)


@KINDS
@pytest.mark.parametrize("batch_first", [False, True])
def test_unbatched_and_without_hx(kind, batch_first, device):
    theirs, ours = pair(kind, 4, 6, 2, bidirectional=True, batch_first=batch_first, device=device)
    input = torch.randn(5, 4, device=device, dtype=torch.float64)
    assert_same(theirs, ours, input, draw_hx(kind, 4, 6, device=device, dtype=torch.float64), torch.float64)
    (output, states), (want, want_states) = ours(input), theirs(input)
    torch.testing.assert_close([output, *flat(states)], [want, *flat(want_states)])


def test_output_strides_are_torchs():
    theirs, ours = pair("RNN", 3, 4, batch_first=True)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    assert ours(x)[0].stride() == theirs(x)[0].stride()


@KINDS
@pytest.mark.parametrize("fullgraph", [True, False])
def test_torch_compile_gives_the_same(kind, fullgraph, device):
    module = getattr(fastlm, kind)(5, 17, 2, bidirectional=True, device=device)
    compiled = torch.compile(module, fullgraph=fullgraph)
    x, hx = torch.randn(6, 3, 5, device=device), draw_hx(kind, 4, 3, 17, device=device)
    (want, want_grads), (got, got_grads) = run(module, x, hx), run(_WithParameters(compiled, module), x, hx)
    for a, b in zip([*got, *got_grads], [*want, *want_grads], strict=True):
        torch.testing.assert_close(a, b)


class _WithParameters:
    """A compiled module, with the parameters of the module it was made of."""

    def __init__(self, function, module):
        self.function, self.parameters = function, module.parameters

    def __call__(self, *args):
        return self.function(*args)


def test_torch_compile_with_dropout_trains():
    module = fastlm.RNN(5, 8, 3, dropout=0.5)
    compiled = torch.compile(module, fullgraph=True)
    x = torch.randn(4, 2, 5)
    assert not torch.equal(compiled(x)[0], compiled(x)[0])
    compiled(x)[0].sum().backward()
    assert module.weight_hh_l0.grad.isfinite().all()


def test_torch_export():
    module = fastlm.RNN(5, 8, 2).eval()
    x = torch.randn(4, 2, 5)
    exported = torch.export.export(
        module, (x,), dynamic_shapes=({0: torch.export.Dim("T", min=2), 1: torch.export.Dim("B")},)
    )
    for steps, batch in ((4, 2), (9, 3)):
        x = torch.randn(steps, batch, 5)
        torch.testing.assert_close(exported.module()(x), module(x))


def test_dropout_between_layers():
    module = fastlm.RNN(6, 32, 2, dropout=0.5)
    x = torch.randn(5, 4, 6)
    torch.manual_seed(1)
    first = module(x)[0]
    second = module(x)[0]
    torch.manual_seed(1)
    assert torch.equal(module(x)[0], first)
    assert not torch.equal(first, second)
    assert torch.equal(module.eval()(x)[0], module(x)[0])
    whole = fastlm.RNN(6, 32, 2, dropout=1.0)
    whole.load_state_dict(module.state_dict())
    lower = fastlm.RNN(32, 32)  # with everything dropped, the second layer sees zeros
    lower.load_state_dict({k.replace("l1", "l0"): v for k, v in module.state_dict().items() if "l1" in k})
    torch.testing.assert_close(whole(x)[0], lower(torch.zeros(5, 4, 32))[0])


@KINDS
def test_state_dict_both_ways_and_parameter_order(kind):
    theirs, ours = (getattr(of, kind)(3, 4, num_layers=2, bidirectional=True) for of in (nn, fastlm))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
    theirs.load_state_dict(ours.state_dict())
    ours.load_state_dict(theirs.state_dict())
    assert [len(ws) for ws in ours.all_weights] == [len(ws) for ws in theirs.all_weights]


@KINDS
def test_same_seed_gives_torchs_initial_parameters(kind):
    torch.manual_seed(5)
    theirs = getattr(nn, kind)(3, 4, 2, bidirectional=True)
    torch.manual_seed(5)
    ours = getattr(fastlm, kind)(3, 4, 2, bidirectional=True)
    assert all(torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_layers": 2, "dropout": 0.5},
        {"bias": False, "batch_first": True},
        {"bidirectional": True},
    ],
    ids=str,
)
@KINDS
def test_repr_is_torchs(kind, options):
    ours, theirs = (getattr(of, kind)(3, 4, **options) for of in (fastlm, nn))
    assert repr(ours) == repr(theirs)


def test_repr_names_the_nonlinearity_as_torch_does():
    assert repr(fastlm.RNN(3, 4, nonlinearity="relu")) == repr(nn.RNN(3, 4, nonlinearity="relu"))


def test_copies_and_pickles():
    module = fastlm.RNN(3, 4, 2)
    x = torch.randn(5, 2, 3)
    for other in (copy.copy(module), copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(x)[0], module(x)[0])
    clone = copy.deepcopy(module)
    with torch.no_grad():
        clone.weight_hh_l0.zero_()
    assert not torch.equal(clone(x)[0], module(x)[0])


def test_parametrizations_tying_and_functional_call():
    module = fastlm.RNN(4, 4, 2)
    x = torch.randn(3, 2, 4)
    nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    module(x)[0].sum().backward()
    assert module.parametrizations.weight_hh_l0.original0.grad is not None
    tied = fastlm.RNN(4, 4, 2)
    tied.weight_hh_l1 = tied.weight_hh_l0
    tied(x)[0].sum().backward()
    zeros = {name: torch.zeros_like(p) for name, p in tied.named_parameters()}
    assert torch.func.functional_call(tied, zeros, (x,))[0].abs().sum() == 0


def test_moves_and_converts():
    module = fastlm.RNN(3, 4).double()
    assert module(torch.randn(2, 1, 3, dtype=torch.float64))[0].dtype == torch.float64
    meta = fastlm.RNN(3, 4, device="meta")
    assert meta.weight_hh_l0.is_meta
    assert meta(torch.randn(5, 2, 3, device="meta"))[0].shape == (5, 2, 4)
    assert module.flatten_parameters() is None


def test_backward_in_eval_mode():
    module = fastlm.RNN(3, 4).eval()
    module(torch.randn(5, 2, 3))[0].sum().backward()
    assert module.weight_hh_l0.grad is not None


def same_error(call, kind):
    """Runs call(class, hx) for torch and for fastlm, and returns both errors. hx makes initial states of a shape."""

    def hx(*shape, **options):
        return as_argument(draw_hx(kind, *shape, **options))

    errors = []
    for of in (nn, fastlm):
        with pytest.raises((RuntimeError, ValueError, TypeError)) as caught:
            call(getattr(of, kind), hx)
        errors.append(caught.value)
    return errors


SAME_ERRORS = {
    "input size": lambda c, _: c(5, 4)(torch.randn(2, 1, 3)),
    "hidden size": lambda c, hx: c(3, 4)(torch.randn(2, 1, 3), hx(1, 1, 5)),
    "batch of hx": lambda c, hx: c(3, 4)(torch.randn(2, 2, 3), hx(1, 1, 4)),
    "dtype": lambda c, _: c(3, 4)(torch.randn(2, 1, 3, dtype=torch.float64)),
    "integer input": lambda c, _: c(3, 4)(torch.ones(2, 1, 3, dtype=torch.int64)),
    "dimensions": lambda c, _: c(3, 4)(torch.randn(3)),
    "unbatched hx": lambda c, hx: c(3, 4)(torch.randn(2, 3), hx(1, 1, 4)),
    "batched hx": lambda c, hx: c(3, 4)(torch.randn(2, 1, 3), hx(1, 4)),
    "no steps": lambda c, _: c(3, 4)(torch.randn(0, 1, 3)),
    "dropout": lambda c, _: c(3, 4, dropout=1.5),
    "bias": lambda c, _: c(3, 4, bias="yes"),
    "batch_first": lambda c, _: c(3, 4, batch_first=1),
    "no hidden": lambda c, _: c(3, 0),
    "no input": lambda c, _: c(0, 3),
    "no layers": lambda c, _: c(3, 4, 0),
    "float hidden": lambda c, _: c(3, 4.0),
}


@KINDS
@pytest.mark.parametrize("call", SAME_ERRORS.values(), ids=SAME_ERRORS.keys())
def test_errors_are_torchs(call, kind):
    theirs, ours = same_error(call, kind)
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)


def test_an_unknown_nonlinearity_is_an_error_in_torchs_words():
    theirs, ours = same_error(lambda c, _: c(3, 4, nonlinearity="cube"), "RNN")
    assert str(ours) == str(theirs)


def test_dtype_of_hx_is_named():
    with pytest.raises(RuntimeError, match=r"Expected torch.float32, got torch.float64"):
        fastlm.RNN(3, 4)(torch.randn(2, 1, 3), torch.randn(1, 1, 4, dtype=torch.float64))


def test_dropout_on_one_layer_warns_as_torch_does():
    with pytest.warns(UserWarning, match="num_layers greater than 1"):
        fastlm.RNN(3, 4, dropout=0.5)
