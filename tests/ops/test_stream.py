"""fastlm::rnn_stream against its reference: values, shapes, errors, torch's own operator checks."""

import pytest
import torch

import fastlm
from fastlm import ops, reference
from tests.compare import relative_error
from tests.samples import StreamSample, stream_samples

ALL = pytest.mark.parametrize("sample", stream_samples(), ids=str)
SMALL = pytest.mark.parametrize("sample", [s for s in stream_samples() if s.hidden <= 7], ids=str)


def run(args, function=ops.rnn_stream):
    output, hn = function(*args)
    return [output, *hn]


@ALL
def test_equals_the_reference(sample):
    args = sample.make()
    for got, want in zip(run(args), run(args, reference.rnn_stream), strict=True):
        assert got.is_contiguous()
        assert relative_error(got, want) < 2e-6


@pytest.mark.parametrize("sample", [s for s in stream_samples() if s.hidden <= 7][::5], ids=str)
def test_opcheck(sample):
    assert set(torch.library.opcheck(torch.ops.fastlm.rnn_stream.default, sample.make()).values()) == {"SUCCESS"}


@SMALL
def test_checked_agrees(sample):
    with fastlm.checked():
        ops.rnn_stream(*sample.make())


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16, torch.int8], ids=str)
def test_same_bits_for_any_number_of_threads(weights, threads):
    args = StreamSample("lstm", weights, steps=7, batch=3, inputs=200, hidden=333, layers=3).make()
    want, before = run(args), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(run(args), want, strict=True))
    finally:
        torch.set_num_threads(before)


def test_called_from_several_python_threads():
    from concurrent.futures import ThreadPoolExecutor

    args = StreamSample("gru", torch.int8, steps=5, inputs=300, hidden=300, layers=2).make()
    want, _ = ops.rnn_stream(*args)
    with ThreadPoolExecutor(4) as pool:
        for output, _ in pool.map(lambda _: ops.rnn_stream(*args), range(16)):
            assert torch.equal(output, want)


def test_any_layout_of_the_arguments():
    args = StreamSample("lstm", torch.int8, steps=3, batch=4, layers=2).make()

    def spread(tensor):
        return torch.stack([tensor, torch.zeros_like(tensor)], -1).select(-1, 0)

    strided = [spread(args[0]), *([spread(t) for t in tensors] for tensors in args[1:-1]), args[-1]]
    for got, want in zip(run(strided), run(args), strict=True):
        assert torch.equal(got, want)


def test_extreme_int8_weights():
    w = torch.tensor([[-128, 127]], dtype=torch.int8)
    one = torch.ones(1)
    output, _ = ops.rnn_stream(torch.tensor([-1.0, 1.0]), [], [w], [w[:, :1]], [], [], [one], [one], "rnn_relu")
    assert output.item() == 255


def test_empty_batch():
    output, (h_n,) = ops.rnn_stream(*StreamSample("gru", steps=3, batch=0).make())
    assert output.shape == (3, 0, 7)
    assert h_n.shape == (1, 0, 7)


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("cell", ops.rnn.cells())
def test_nan_and_infinity_pass_as_in_the_reference(cell, value):
    args = StreamSample(cell, steps=5, batch=3).make()
    args[0][2, 1, 0] = value
    torch.testing.assert_close(run(args), run(args, reference.rnn_stream), equal_nan=True)


def test_a_gradient_is_refused():
    args = StreamSample("lstm").make()
    args[2][0].requires_grad_()
    for function in (ops.rnn_stream, torch.ops.fastlm.rnn_stream.default):
        with pytest.raises(RuntimeError, match=r"rnn_stream has no gradient: call it under torch\.no_grad"):
            function(*args)
    with torch.no_grad():
        assert not ops.rnn_stream(*args)[0].requires_grad


def test_other_devices_are_refused():
    with pytest.raises(NotImplementedError, match="runs on the CPU only, got meta"):
        ops.rnn_stream(torch.empty(3, device="meta"), [], [], [], [], [], [], [], "lstm")


def change(index, function):
    return lambda args: [function(arg) if i == index else arg for i, arg in enumerate(args)]


ERRORS = [
    ("dimensions", change(0, lambda x: x[None]), "input must have 1, 2 or 3 dimensions, got 4"),
    ("no steps", change(0, lambda x: x[:0]), "sequence length to be larger than 0"),
    ("features", change(0, lambda x: x[..., :2]), r"expected w_ih of shape \[21, 2\], got \[21, 5\]"),
    ("double", change(0, torch.Tensor.double), "expected input to be Float, got Double"),
    ("states", change(1, lambda hx: hx * 2), "gru has 1 states, got 2"),
    ("batch", change(1, lambda hx: [hx[0][:, :1]]), r"expected hx of shape \[2, 2, 7\], got \[2, 1, 7\]"),
    ("no layers", change(2, lambda w: []), "weights of one layer or more"),
    ("layers", change(3, lambda w: w[:1]), "as many w_hh as w_ih"),
    ("rows", change(2, lambda w: [w[0][:20], w[1]]), r"expected w_ih of shape \[3 \* hidden, input size\]"),
    ("mixed", change(3, lambda w: [t.float() for t in w]), "expected w_hh to be Char, got Float"),
    ("half", change(2, lambda w: [t.half() for t in w]), "expected scales for every int8 matrix, and for no other"),
    ("bias", change(4, lambda b: [t[:3] for t in b]), r"expected b_ih of shape \[21\], got \[3\]"),
    ("biases", change(5, lambda b: []), "as many b_ih and b_hh or none"),
    ("no scale", change(6, lambda s: []), "expected scales for every int8 matrix"),
    ("cell", change(8, lambda _: "rnn_cube"), "unknown cell 'rnn_cube'"),
]


@pytest.mark.parametrize(("changed", "message"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_errors_say_what_was_expected(changed, message):
    args = StreamSample("gru", torch.int8, steps=3, batch=2, layers=2).make()
    with pytest.raises((RuntimeError, ValueError), match=message):
        ops.rnn_stream(*changed(args))


def test_weights_of_a_type_that_is_not_known():
    args = change(2, lambda w: [t.half() for t in w])(StreamSample("gru").make())
    with pytest.raises(RuntimeError, match="weights in float32, bfloat16 or int8, got Half"):
        ops.rnn_stream(*args)
