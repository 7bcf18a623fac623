"""step(): the same numbers as forward(), one at a time, and where it must not take the short way."""

import copy

import pytest
import torch

import fastlm
from fastlm import ops
from tests.compare import FORWARD, relative_error

KINDS = {"RNN": {}, "relu": {"nonlinearity": "relu"}, "LSTM": {}, "GRU": {}, "IndRNN": {}}
EACH = pytest.mark.parametrize("kind", KINDS)


def make(kind, *args, **options):
    return getattr(fastlm, "RNN" if kind == "relu" else kind)(*args, **KINDS[kind], **options)


def parts(hx):
    return [*hx] if isinstance(hx, tuple) else [hx]


def steps(module, sequence, hx=None):
    outputs = []
    for x in sequence:
        output, hx = module.step(x, hx)
        outputs.append(output)
    return torch.stack(outputs), hx


def assert_same(got, want, dtype=torch.float32):
    for a, b in zip([got[0], *parts(got[1])], [want[0], *parts(want[1])], strict=True):
        assert relative_error(a, b) < FORWARD[dtype]


@pytest.fixture
def streamed(monkeypatch):
    """How often the operator ran."""
    calls, run = [], ops.rnn_stream

    def count(*args, **options):
        calls.append(1)
        return run(*args, **options)

    monkeypatch.setattr(ops, "rnn_stream", count)
    return calls


@EACH
@pytest.mark.parametrize("batch", [None, 1, 5])
@pytest.mark.parametrize("options", [{}, {"num_layers": 3}, {"bias": False}, {"batch_first": True}], ids=str)
def test_steps_are_a_forward(kind, batch, options, streamed):
    module = make(kind, 6, 9, **options)
    sequence = torch.randn(7, *[batch] * (batch is not None), 6)
    turned = options.get("batch_first") and batch is not None
    with torch.inference_mode():
        got = steps(module, sequence)
        output, hx = module(sequence.transpose(0, 1) if turned else sequence)
        assert_same(got, (output.transpose(0, 1) if turned else output, hx))
    assert len(streamed) == 7


@EACH
def test_step_and_forward_can_be_mixed(kind):
    module, sequence = make(kind, 6, 9, num_layers=2), torch.randn(12, 2, 6)
    with torch.no_grad():
        first, hx = module(sequence[:5])
        second, hx = steps(module, sequence[5:9], hx)
        third, hx = module(sequence[9:], hx)
        assert_same((torch.cat([first, second, third]), hx), module(sequence))


@EACH
def test_the_state_that_is_given_stays(kind):
    module = make(kind, 6, 9)
    with torch.no_grad():
        _, hx = module.step(torch.randn(1, 6))
        before = [state.clone() for state in parts(hx)]
        module.step(torch.randn(1, 6), hx)
    assert all(map(torch.equal, before, parts(hx)))


@EACH
def test_gradients_are_those_of_forward(kind):
    module, sequence = make(kind, 6, 9, num_layers=2), torch.randn(5, 2, 6)
    twin = copy.deepcopy(module)
    output, hx = steps(module, sequence)
    (output.sum() + sum(state.square().sum() for state in parts(hx))).backward()
    output, hx = twin(sequence)
    (output.sum() + sum(state.square().sum() for state in parts(hx))).backward()
    for got, want in zip(module.parameters(), twin.parameters(), strict=True):
        assert relative_error(got.grad, want.grad) < 1e-5


def test_frozen_modules_take_the_short_way_with_autograd_on(streamed):
    module = fastlm.GRU(6, 9).requires_grad_(False)
    module.step(torch.randn(2, 6))
    assert len(streamed) == 1
    x = torch.randn(2, 6, requires_grad=True)
    output, _ = module.step(x)
    assert len(streamed) == 1
    output.sum().backward()
    assert x.grad.abs().sum() > 0


def test_dropout_in_training_and_not_in_inference(streamed):
    module, x = fastlm.LSTM(6, 50, num_layers=2, dropout=0.5), torch.randn(2, 6)
    with torch.no_grad():
        assert not torch.equal(module.step(x)[0], module.step(x)[0])
        assert not streamed
        module.eval()
        assert torch.equal(module.step(x)[0], module.step(x)[0])
        assert len(streamed) == 2


def test_float64_goes_through_forward(streamed):
    module, sequence = fastlm.LSTM(6, 9).double(), torch.randn(4, 2, 6).double()
    with torch.no_grad():
        assert_same(steps(module, sequence), module(sequence), torch.float64)
    assert not streamed


def test_parametrized_weights():
    module, sequence = fastlm.RNN(6, 9), torch.randn(4, 2, 6)
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    with torch.no_grad():
        assert_same(steps(module, sequence), module(sequence))


@pytest.mark.parametrize("option", [{"proj_size": 4}, {"layer_norm": True}, {"zoneout": 0.1}], ids=str)
def test_options_that_the_operator_does_not_know_go_through_forward(option, streamed):
    module, sequence = fastlm.LSTM(6, 9, **option).eval(), torch.randn(4, 2, 6)
    with torch.no_grad():
        assert_same(steps(module, sequence), module(sequence))
    assert not streamed


@EACH
@pytest.mark.parametrize("batch", [None, 4, 40])
def test_forward_over_one_step_takes_the_short_way(kind, batch, streamed):
    module = make(kind, 6, 9, 2)
    x = torch.randn(1, *[batch] * (batch is not None), 6)
    want = module(x)
    assert not streamed
    with torch.no_grad():
        got = module(x)
        assert len(streamed) == (batch != 40)
        assert_same(got, want)
        module(x, all_states=True)
        make(kind, 6, 9, bidirectional=True)(x)
        module.double()(x.double())
        assert len(streamed) == (batch != 40)


def test_compiled_as_one_graph():
    module, sequence = fastlm.LSTM(6, 9, num_layers=2).eval(), torch.randn(3, 1, 6)
    compiled = torch.compile(module.step, fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        hx = tuple(torch.zeros(2, 1, 9) for _ in range(2))
        for x in sequence:
            output, hx = compiled(x, hx)
        assert_same((output, hx), [module(sequence)[0][-1], module(sequence)[1]])


def test_errors():
    with torch.no_grad():
        with pytest.raises(ValueError, match="a bidirectional module needs the whole sequence; use forward"):
            fastlm.RNN(3, 4, bidirectional=True).step(torch.randn(3))
        with pytest.raises(ValueError, match=r"expected input \[batch, features\] or \[features\], got 3 dimensions"):
            fastlm.RNN(3, 4).step(torch.randn(1, 1, 3))
        with pytest.raises(RuntimeError, match=r"Expected 3, got 5"):
            fastlm.RNN(3, 4).step(torch.randn(1, 5))
        with pytest.raises(RuntimeError, match=r"expected hx of shape \[1, 2, 4\], got \[1, 1, 4\]"):
            fastlm.RNN(3, 4).step(torch.randn(2, 3), torch.zeros(1, 1, 4))
        with pytest.raises(RuntimeError, match="lstm has 2 states, got 1"):
            fastlm.LSTM(3, 4).step(torch.randn(2, 3), torch.zeros(1, 2, 4))
        with pytest.raises(ValueError, match=r"RNN input dtype \(torch.float64\) does not match"):
            fastlm.RNN(3, 4).step(torch.randn(3).double())
