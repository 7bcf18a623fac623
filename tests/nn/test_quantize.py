"""quantize_: the numbers are those of the quantised weights, near those of float32, and survive saving."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

import fastlm
from tests.compare import relative_error
from tests.nn.test_stream import KINDS, make, parts, steps

EACH = pytest.mark.parametrize("kind", KINDS)
WEIGHTS = pytest.mark.parametrize("weights", ["int8", "bfloat16"])


def flat(result):
    return [result[0], *parts(result[1])]


def widened(quantised, like):
    """A float32 module with the weights that a quantised one stands for."""
    state = quantised.state_dict()
    values = {
        name: value.float() * (state[f"{name}_scale"][:, None] if f"{name}_scale" in state else 1)
        for name, value in state.items()
        if not name.endswith("_scale")
    }
    like.load_state_dict(values)
    return like


@EACH
@WEIGHTS
@pytest.mark.parametrize("options", [{}, {"num_layers": 3, "bias": False}, {"batch_first": True}], ids=str)
@pytest.mark.parametrize("directions", [1, 2])
@pytest.mark.parametrize("batch", [None, 1, 20])
def test_equals_a_module_with_the_widened_weights(kind, weights, options, directions, batch):
    module = make(kind, 6, 9, bidirectional=directions == 2, **options)
    quantised = fastlm.quantize_(copy.deepcopy(module), weights)
    twin = widened(quantised, module)
    x = torch.randn(*[5] if batch is None else (batch, 5) if options.get("batch_first") else (5, batch), 6)
    with torch.no_grad():
        _, hx = twin(x)
        for state in (None, hx):
            for got, want in zip(flat(quantised(x, state)), flat(twin(x, state)), strict=True):
                assert relative_error(got, want) < 2e-6
        if directions == 1 and batch is None:
            for got, want in zip(flat(steps(quantised, x)), flat(twin(x)), strict=True):
                assert relative_error(got, want) < 2e-6


# twice what the docstring of quantize_ says
BOUNDS = {
    ("LSTM", "int8"): 0.018,
    ("LSTM", "bfloat16"): 0.0066,
    ("GRU", "int8"): 0.018,
    ("GRU", "bfloat16"): 0.0066,
    ("RNN", "int8"): 0.028,
    ("RNN", "bfloat16"): 0.012,
    ("IndRNN", "int8"): 0.01,
    ("IndRNN", "bfloat16"): 0.004,
}


@pytest.mark.parametrize(("kind", "weights"), BOUNDS)
def test_error_against_float32(kind, weights):
    module = make(kind, 256, 256)
    quantised = fastlm.quantize_(copy.deepcopy(module), weights)
    x = torch.randn(100, 4, 256)
    with torch.no_grad():
        error = relative_error(quantised(x)[0], module(x)[0])
    assert BOUNDS[kind, weights] / 8 < error < BOUNDS[kind, weights]


def test_int8_is_symmetric_with_a_scale_for_each_row():
    module = fastlm.RNN(3, 2)
    weight = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    with torch.no_grad():
        module.weight_ih_l0.copy_(weight)
    fastlm.quantize_(module)
    assert module.weight_ih_l0.tolist() == [[64, -127, 32], [0, 0, 0]]
    torch.testing.assert_close(module.weight_ih_l0_scale, torch.tensor([2 / 127, 1.0]))


@WEIGHTS
def test_only_recurrent_modules_change(weights):
    shared = fastlm.GRU(4, 4)
    model = nn.ModuleDict({"first": shared, "again": shared, "linear": nn.Linear(4, 4), "torch": nn.LSTM(4, 4)})
    before = copy.deepcopy(model)
    assert fastlm.quantize_(model, weights) is model
    assert model["first"] is shared is model["again"]
    assert isinstance(shared, fastlm.GRU)
    assert not list(shared.parameters())
    for name in ("linear", "torch"):
        assert type(model[name]) is type(before[name])
        assert all(map(torch.equal, model[name].parameters(), before[name].parameters()))


def test_the_module_itself_can_be_quantised_and_says_so():
    module = fastlm.LSTM(4, 5, num_layers=2)
    assert fastlm.quantize_(module, torch.bfloat16) is module
    assert repr(module) == "QuantizedLSTM(4, 5, num_layers=2, weights=bfloat16)"
    assert fastlm.quantize_(module, "bfloat16") is module
    with pytest.raises(ValueError, match="is quantised already"):
        fastlm.quantize_(module, "int8")
    with pytest.raises(RuntimeError, match="is for inference"):
        module.reset_parameters()


@EACH
@WEIGHTS
def test_saving_and_loading(kind, weights):
    module = fastlm.quantize_(make(kind, 6, 9, num_layers=2), weights)
    other = fastlm.quantize_(make(kind, 6, 9, num_layers=2), weights)
    other.load_state_dict(module.state_dict())
    x = torch.randn(4, 2, 6)
    for twin in (other, pickle.loads(pickle.dumps(module)), copy.deepcopy(module)):
        assert all(map(torch.equal, flat(twin(x)), flat(module(x))))


def test_packed_sequences():
    module = fastlm.LSTM(6, 9, bidirectional=True)
    quantised = fastlm.quantize_(copy.deepcopy(module), "bfloat16")
    twin = widened(quantised, module)
    packed = pack_sequence([torch.randn(n, 6) for n in (3, 5, 1)], enforce_sorted=False)
    with torch.no_grad():
        got, want = quantised(packed), twin(packed)
    assert relative_error(got[0].data, want[0].data) < 2e-6
    assert relative_error(got[1][1], want[1][1]) < 2e-6


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_gradient_of_the_input_is_right(bidirectional):
    module = fastlm.GRU(6, 9, bidirectional=bidirectional)
    quantised = fastlm.quantize_(copy.deepcopy(module), "int8")
    twin = widened(quantised, module)
    x = torch.randn(4, 1, 6, requires_grad=True)
    (got,) = torch.autograd.grad(quantised(x)[0].sum(), x)
    (want,) = torch.autograd.grad(twin(x)[0].sum(), x)
    assert relative_error(got, want) < 1e-5


def test_compiled_as_one_graph():
    module = fastlm.quantize_(fastlm.LSTM(6, 9, num_layers=2).eval(), "int8")
    x = torch.randn(3, 1, 6)
    with torch.no_grad():
        got = torch.compile(module, fullgraph=True, backend="aot_eager")(x)
        assert all(map(torch.equal, flat(got), flat(module(x))))


def test_checked_sees_the_operator():
    module = fastlm.quantize_(fastlm.LSTM(6, 9), "int8")
    with fastlm.checked(), torch.no_grad():
        module.step(torch.randn(6))


def refused(module, weights="int8"):
    model = nn.Sequential(fastlm.RNN(3, 4), module)
    with pytest.raises(ValueError, match=r"^quantize_: ") as error:
        fastlm.quantize_(model, weights)
    assert type(model[0]) is fastlm.RNN, "changed in spite of the error"
    return str(error.value)


def test_errors():
    assert "expected weights 'int8' or 'bfloat16', got 'int4'" in refused(fastlm.RNN(3, 4), "int4")
    assert "has weight_ih_l0 in torch.float64: call .float() first" in refused(fastlm.RNN(3, 4).double())
    options = {"proj_size": 2, "layer_norm": True, "zoneout": 0.1}
    assert "has proj_size, layer_norm, zoneout, which quantised modules do not" in refused(fastlm.LSTM(3, 4, **options))
    module = nn.utils.parametrizations.weight_norm(fastlm.RNN(3, 4), "weight_hh_l0")
    assert "is parametrized: call torch.nn.utils.parametrize.remove_parametrizations" in refused(module)
