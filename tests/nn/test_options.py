"""The options that torch's modules have not: what they promise, in words that do not need the reference."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

import fastlm
from tests.compare import GRADIENT, relative_error

KINDS = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU", "IndRNN"])
MATRIX_KINDS = pytest.mark.parametrize("kind", ["RNN", "LSTM", "GRU"])
ALL_OPTIONS = {
    "recurrent_dropout": 0.3,
    "input_dropout": 0.2,
    "weight_dropout": 0.4,
    "zoneout": 0.1,
    "bptt_clip": 1.0,
}


def make(kind, *args, **options):
    return getattr(fastlm, kind)(*args, **options)


def states_of(hx):
    return list(hx) if isinstance(hx, tuple) else [hx]


@KINDS
@pytest.mark.parametrize("option", ["recurrent_dropout", "input_dropout", "weight_dropout"])
def test_dropout_is_for_training_and_follows_the_seed(kind, option):
    module = make(kind, 5, 40, 2, bidirectional=True, **{option: 0.5})
    plain = make(kind, 5, 40, 2, bidirectional=True)
    plain.load_state_dict(module.state_dict())
    x = torch.randn(6, 3, 5)
    torch.manual_seed(1)
    first, second = module(x)[0], module(x)[0]
    torch.manual_seed(1)
    assert torch.equal(module(x)[0], first)
    assert not torch.equal(first, second)
    assert torch.equal(module.eval()(x)[0], plain(x)[0])


def test_recurrent_dropout_is_one_mask_a_sequence():
    """h feeds nothing but itself here, so that a unit whose h is dropped on the way to U stays at its input."""
    module = fastlm.RNN(8, 8, nonlinearity="relu", bias=False, recurrent_dropout=0.5)
    with torch.no_grad():
        module.weight_ih_l0.copy_(torch.eye(8))
        module.weight_hh_l0.copy_(torch.eye(8))
    output, _ = module(torch.ones(3, 64, 8))
    # kept units, scaled by 2: 1, 1 + 2, 1 + 6
    assert set(map(tuple, output.flatten(1).T.tolist())) == {(1.0, 1.0, 1.0), (1.0, 3.0, 7.0)}


@pytest.mark.parametrize("packed", [False, True])
def test_input_dropout_is_one_mask_a_sequence(packed):
    module = fastlm.RNN(30, 4, input_dropout=0.5)
    x = torch.randn(5, 3, 30, requires_grad=True)
    if packed:
        lengths = (5, 2, 4)
        sequences = pack_sequence([x[:n, b] for b, n in enumerate(lengths)], enforce_sorted=False)
        module(sequences)[0].data.sum().backward()
    else:
        lengths = (5, 5, 5)
        module(x)[0].sum().backward()
    for b, n in enumerate(lengths):
        dropped = (x.grad[:n, b] == 0).sum(0)
        assert set(dropped.tolist()) == {0, n}  # a feature is there at all steps, or at none


@MATRIX_KINDS
def test_weight_dropout_drops_recurrent_weights(kind):
    module = make(kind, 4, 16, 1, weight_dropout=0.5)
    module(torch.randn(5, 3, 4))[0].sum().backward()
    dropped = (module.weight_hh_l0.grad == 0).float().mean()
    assert 0.3 < dropped < 0.7
    assert (module.weight_ih_l0.grad != 0).all()


@KINDS
@pytest.mark.parametrize("training", [True, False])
def test_zoneout_of_everything_keeps_the_state(kind, training):
    module = make(kind, 4, 9, zoneout=1.0).train(training)
    hx = tuple(torch.randn(1, 3, 9) for _ in range(2)) if kind == "LSTM" else torch.randn(1, 3, 9)
    output, hn = module(torch.randn(5, 3, 4), hx)
    assert torch.equal(output, states_of(hx)[0].expand(5, 3, 9))
    assert all(map(torch.equal, states_of(hn), states_of(hx)))


def test_zoneout_draws_for_each_step_and_unit():
    module = fastlm.RNN(1, 200, bias=False, zoneout=0.25)
    hx = torch.full((1, 50, 200), 7.0)
    output, _ = module(torch.zeros(4, 50, 1), hx)
    kept = [(output[0] == 7).float().mean()] + [(output[t] == output[t - 1]).float().mean() for t in (1, 2, 3)]
    assert all(0.23 < share < 0.27 for share in kept)


def test_zoneout_in_evaluation_mixes():
    module = fastlm.RNN(3, 5, zoneout=0.25).eval()
    plain = fastlm.RNN(3, 5)
    plain.load_state_dict(module.state_dict())
    x, hx = torch.randn(1, 2, 3), torch.randn(1, 2, 5)
    torch.testing.assert_close(module(x, hx)[0], 0.25 * hx + 0.75 * plain(x, hx)[0])


def test_zoneout_of_h_and_of_c():
    x, hx = torch.randn(1, 2, 3), (torch.randn(1, 2, 5), torch.randn(1, 2, 5))
    only_h, only_c = fastlm.LSTM(3, 5, zoneout=(1.0, 0.0)), fastlm.LSTM(3, 5, zoneout=(0.0, 1.0))
    plain = fastlm.LSTM(3, 5)
    for module in (only_h, only_c):
        module.load_state_dict(plain.state_dict())
    _, (h_n, c_n) = plain(x, hx)
    _, (h, c) = only_h(x, hx)
    assert torch.equal(h, hx[0])
    torch.testing.assert_close(c, c_n)
    _, (h, c) = only_c(x, hx)
    torch.testing.assert_close(h, h_n)
    assert torch.equal(c, hx[1])


@MATRIX_KINDS
def test_layer_norm_does_not_see_the_scale_of_the_weights(kind):
    module = make(kind, 6, 20, bias=False, layer_norm=True, dtype=torch.float64)
    scaled = copy.deepcopy(module)
    with torch.no_grad():
        scaled.weight_ih_l0 *= 1000
        scaled.weight_hh_l0 *= 1000
    x = torch.randn(4, 3, 6, dtype=torch.float64)
    hx = tuple(torch.randn(2, 1, 3, 20, dtype=torch.float64)) if kind == "LSTM" else torch.randn(1, 3, 20).double()
    torch.testing.assert_close(scaled(x, hx)[0], module(x, hx)[0], rtol=1e-3, atol=1e-3)  # but for the 1e-5 in it


@KINDS
def test_bptt_clip_bounds_each_steps_gradient(kind):
    clip, steps, batch = 1e-4, 6, 3
    module = make(kind, 4, 8, bptt_clip=clip)
    (1000 * module(torch.randn(steps, batch, 4))[0]).sum().backward()
    assert module.bias_ih_l0.grad.abs().max() <= clip * steps * batch * 1.001
    free = make(kind, 4, 8)
    free.load_state_dict(module.state_dict())
    x = torch.randn(steps, batch, 4)
    assert torch.equal(module(x)[0], free(x)[0])  # forward is the same


@KINDS
@pytest.mark.parametrize("batch_first", [False, True])
def test_all_states_of_all_layers(kind, batch_first):
    module = make(kind, 4, 6, 3, bidirectional=True, batch_first=batch_first)
    x = torch.randn(5, 2, 4)
    output, hn, layers = module(x.transpose(0, 1) if batch_first else x, all_states=True)
    assert torch.equal(output, module(x.transpose(0, 1) if batch_first else x)[0])
    assert len(layers) == 3
    assert torch.equal(states_of(layers[-1])[0], output)
    for number, layer in enumerate(layers):
        for every, final in zip(states_of(layer), states_of(hn), strict=True):
            every = every.transpose(0, 1) if batch_first else every
            assert every.shape == (5, 2, 12)
            assert torch.equal(every[-1, :, :6], final[2 * number])
            assert torch.equal(every[0, :, 6:], final[2 * number + 1])


def test_gradients_through_every_cell_state():
    module = fastlm.LSTM(3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    _, _, [(_, c)] = module(x, all_states=True)
    grads = torch.autograd.grad(c.square().sum(), module.parameters())
    cells, state, total = fastlm.LSTM(3, 4, dtype=torch.float64), None, 0.0
    cells.load_state_dict(module.state_dict())
    for step in x:
        _, state = cells(step[None], state)
        total = total + state[1].square().sum()
    for got, want in zip(grads, torch.autograd.grad(total, cells.parameters()), strict=True):
        assert relative_error(got, want) < GRADIENT[torch.float64]


def test_all_states_of_packed_and_unbatched_input():
    module = fastlm.LSTM(3, 4)
    packed = pack_sequence([torch.randn(n, 3) for n in (2, 4)], enforce_sorted=False)
    output, _, [(h, c)] = module(packed, all_states=True)
    assert isinstance(c, PackedSequence)
    assert torch.equal(h.data, output.data)
    _, _, [(h, c)] = module(torch.randn(5, 3), all_states=True)
    assert h.shape == c.shape == (5, 4)


@MATRIX_KINDS
@pytest.mark.parametrize("packed", [False, True])
def test_everything_at_once_trains_and_compiles(kind, packed):
    extra = {"proj_size": 3} if kind == "LSTM" else {}
    module = make(kind, 5, 12, 2, bidirectional=True, dropout=0.1, layer_norm=True, **ALL_OPTIONS, **extra)
    x = torch.randn(6, 3, 5)
    if packed:
        x = pack_sequence([torch.randn(n, 5) for n in (2, 6, 4)], enforce_sorted=False)
        function = module
    else:
        function = torch.compile(module, fullgraph=True)
    for _ in range(2):
        module.zero_grad()
        output, _ = function(x)
        (output.data if packed else output).sum().backward()
        assert all(p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("bias", [True, False])
def test_parameters_of_a_layer_norm(bias):
    lstm = fastlm.LSTM(3, 4, bias=bias, layer_norm=True)
    names = [name for name, _ in lstm.named_parameters() if "gain" in name or "_c" in name]
    assert names == ["gain_ih_l0", "gain_hh_l0", "gain_c_l0"] + ["bias_c_l0"] * bias
    assert (lstm.gain_ih_l0 == 1).all()
    lstm(torch.randn(2, 1, 3))[0].sum().backward()
    gru = fastlm.GRU(3, 4, layer_norm=True)
    assert [name for name, _ in gru.named_parameters()][4:] == ["gain_ih_l0", "gain_hh_l0"]


def test_repr_shows_options_and_projection():
    assert repr(fastlm.LSTM(3, 4, proj_size=2, num_layers=2)) == repr(nn.LSTM(3, 4, proj_size=2, num_layers=2))
    shown = repr(fastlm.LSTM(3, 4, zoneout=(0.1, 0.5), layer_norm=True, bptt_clip=1.0))
    assert shown == "LSTM(3, 4, layer_norm=True, zoneout=(0.1, 0.5), bptt_clip=1.0)"
    assert repr(fastlm.GRU(3, 4, zoneout=0.1, recurrent_dropout=0.2)) == "GRU(3, 4, recurrent_dropout=0.2, zoneout=0.1)"


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@MATRIX_KINDS
def test_sixteen_bit_modules(kind, dtype):
    module = make(kind, 20, 32, 2, bidirectional=True, dtype=dtype)
    wide = make(kind, 20, 32, 2, bidirectional=True)
    wide.load_state_dict(module.state_dict())
    x = torch.randn(7, 3, 20, dtype=dtype)
    output, hn = module(x)
    want, _ = wide(x.float())
    assert output.dtype == states_of(hn)[0].dtype == dtype
    assert relative_error(output.float(), want) < 4 * torch.finfo(dtype).eps
    output.sum().backward()
    assert module.weight_hh_l1.grad.dtype == dtype


@MATRIX_KINDS
def test_autocast(kind):
    module = make(kind, 5, 8, 2)
    x = torch.randn(4, 3, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, hn = module(x)
        mixed, _ = module(x.bfloat16())  # the input is not of the weights' dtype, as behind another autocast layer
    assert output.dtype == states_of(hn)[0].dtype == torch.bfloat16
    assert torch.equal(output, mixed)
    assert relative_error(output.float(), module(x)[0]) < 0.02
    output.float().sum().backward()
    assert module.weight_hh_l0.grad.dtype == torch.float32


ERRORS = [
    ("RNN", {"zoneout": (0.1, 0.2)}, ValueError, "zoneout should be a number, as this cell has no second state"),
    ("LSTM", {"zoneout": (0.1, 0.2, 0.3)}, ValueError, "zoneout should be a number, or a pair for h and c"),
    ("LSTM", {"zoneout": 1.5}, ValueError, r"zoneout should be a number in range \[0, 1\]"),
    ("LSTM", {"recurrent_dropout": -0.1}, ValueError, r"recurrent_dropout should be a number in range \[0, 1\]"),
    ("LSTM", {"weight_dropout": True}, ValueError, "weight_dropout should be a number"),
    ("LSTM", {"input_dropout": "0.1"}, ValueError, "input_dropout should be a number"),
    ("LSTM", {"bptt_clip": 0.0}, ValueError, "bptt_clip should be a number greater than zero, or None, but got 0.0"),
    ("LSTM", {"layer_norm": 1}, TypeError, "layer_norm should be of type bool, got: int"),
    ("LSTM", {"zone_out": 0.1}, TypeError, "unexpected keyword argument 'zone_out'"),
    ("IndRNN", {"layer_norm": True}, ValueError, "layer_norm is for cells with a recurrent matrix"),
]


@pytest.mark.parametrize(("kind", "options", "error", "message"), ERRORS, ids=str)
def test_wrong_options(kind, options, error, message):
    with pytest.raises(error, match=message):
        make(kind, 3, 4, **options)


@pytest.mark.parametrize(("kind", "size"), [("LSTM", -1), ("LSTM", 4), ("LSTM", 9), ("RNN", 2), ("GRU", 2)])
def test_wrong_projections_are_errors_in_torchs_words(kind, size):
    errors = []
    for of in (nn, fastlm):
        with pytest.raises(ValueError, match="proj_size") as caught:
            getattr(of, kind)(3, 4, proj_size=size)
        errors.append(str(caught.value))
    assert errors[0] == errors[1]
