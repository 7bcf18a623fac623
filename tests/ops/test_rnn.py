"""fastlm::rnn_layer against its reference: values, gradients, layouts, torch's own operator checks."""

from dataclasses import replace

import pytest
import torch

import fastlm
from fastlm import ops, reference
from tests.compare import FORWARD, GRADIENT, relative_error
from tests.samples import RnnSample, larger_rnn_samples, option_samples, rnn_samples
from tests.threads import threads

SMALL = pytest.mark.parametrize("sample", rnn_samples() + option_samples(), ids=str)
OPTIONS = [
    *option_samples(),
    *option_samples({"steps": 6, "batch": 13, "inputs": 9, "hidden": 70}),
    *option_samples({"steps": 3, "batch": 1, "hidden": 35}),
]
ALL = pytest.mark.parametrize("sample", rnn_samples() + larger_rnn_samples() + OPTIONS, ids=str)


NO_OPTIONS = {"w_hr": [], "gains": []}


def flatten(args, options=NO_OPTIONS):
    input, *lists = args[:6]
    return [input, *(tensor for tensors in (*lists, options["w_hr"], options["gains"]) for tensor in tensors)]


def positional(options):
    """The options as the operators take them, with tf32."""
    *others, all_states = options.values()
    return [*others, False, all_states]


def as_function(args, layer=ops.rnn_layer, options=NO_OPTIONS):
    """The layer as a function of its tensors alone, for gradcheck."""

    def function(input, *flat):
        tensors = iter(flat)
        lists = [[next(tensors) for _ in tensors_of] for tensors_of in args[1:6]]
        parameters = {name: [next(tensors) for _ in options[name]] for name in NO_OPTIONS}
        output, hn, *rest = layer(input, *lists, *args[6:], **options | parameters)
        return output, *hn, *(rest[0] if rest else [])

    return function


def gradients(function, tensors):
    results = function(*tensors)
    weights = [torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y) for y in results]
    return torch.autograd.grad(results, tensors, weights)


@ALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_equals_the_reference(sample, dtype, device):
    args, options = sample.make(dtype, device), sample.make_options(dtype, device)
    tensors = flatten(args, options)
    fast, slow = as_function(args, options=options), as_function(args, reference.rnn_layer, options)
    slack = 3 if sample.norm else 1  # of the reference itself: dividing by a deviation enlarges its rounding, too
    for got, want in zip(fast(*tensors), slow(*tensors), strict=True):
        assert relative_error(got, want) < slack * FORWARD[dtype]
    for got, want in zip(gradients(fast, tensors), gradients(slow, tensors), strict=True):
        assert relative_error(got, want) < slack * GRADIENT[dtype]


@SMALL
def test_gradcheck(sample, device):
    args, options = sample.make(device=device), sample.make_options(device=device)
    assert torch.autograd.gradcheck(as_function(args, options=options), flatten(args, options))


def short(samples):
    """The same with few steps, for what takes long for each."""
    return [replace(s, lengths=(1, 2)) if s.lengths else replace(s, steps=2) for s in samples]


@pytest.mark.parametrize("sample", short([*rnn_samples()[::2], *option_samples({"hidden": 2})]), ids=str)
def test_gradgradcheck(sample, device):
    args, options = sample.make(device=device), sample.make_options(device=device)
    assert torch.autograd.gradgradcheck(as_function(args, options=options), flatten(args, options))


@pytest.mark.parametrize("clip", [1e-3, 0.05, 10.0])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("cell", ops.rnn.cells())
def test_bptt_clip_keeps_each_steps_gradients_small(cell, norm, clip):
    sample = RnnSample(cell, steps=7, batch=5, hidden=20, directions=2, clip=clip)
    if norm and not ops.rnn.cell_traits(cell).diagonal:
        sample = replace(sample, norm=True)
    args, options = sample.make(), sample.make_options()
    tensors = flatten(args, options)
    fast, slow = as_function(args, options=options), as_function(args, reference.rnn_layer, options)
    got, want = gradients(fast, tensors), gradients(slow, tensors)
    for a, b in zip(got, want, strict=True):
        assert relative_error(a, b) < GRADIENT[torch.float64]
    free = gradients(as_function(args, options=options | {"bptt_clip": None}), tensors)
    assert all(torch.equal(a, b) for a, b in zip(got, free, strict=True)) == (clip == 10.0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("sample", larger_rnn_samples()[::3] + OPTIONS[::7], ids=str)
def test_sixteen_bits_are_storage_only(sample, dtype):
    args, options = sample.make(dtype), sample.make_options(dtype)
    wide_args = _map(args, lambda tensor: tensor.detach().float().requires_grad_())
    wide = {key: [t.detach().float().requires_grad_() for t in options[key]] for key in NO_OPTIONS}
    wide = options | wide | {"h_mask": options["h_mask"] if options["h_mask"] is None else options["h_mask"].float()}
    tensors, wide_tensors = flatten(args, options), flatten(wide_args, wide)
    results = as_function(args, options=options)(*tensors)
    for got, want in zip(results, as_function(wide_args, options=wide)(*wide_tensors), strict=True):
        assert got.dtype == dtype
        assert torch.equal(got, want.to(dtype))
    step = torch.finfo(dtype).eps  # the output is rounded before backward sees it
    grads = gradients(as_function(args, options=options), tensors)
    for got, want in zip(grads, gradients(as_function(wide_args, options=wide), wide_tensors), strict=True):
        assert got.dtype == dtype
        assert relative_error(got.float(), want) < 20 * step


def test_third_derivative_exists():
    args = RnnSample("rnn_tanh").make()
    function = as_function(args)
    x, *rest = flatten(args)
    value = function(x, *rest)[0].sum()
    for _ in range(3):
        (grad,) = torch.autograd.grad(value, x, create_graph=True)
        value = grad.pow(2).sum()
    assert value.isfinite()


@pytest.mark.parametrize("sample", rnn_samples() + option_samples()[::2], ids=str)
def test_opcheck(sample, device):
    args, options = sample.make(torch.float32, device), sample.make_options(torch.float32, device)
    if sample.lengths and not sample.hx:
        pytest.skip("the batch of hn depends on data: opcheck has no number for it")
    result = torch.library.opcheck(torch.ops.fastlm.rnn_layer.default, (*args, *positional(options), True))
    assert set(result.values()) == {"SUCCESS"}


@pytest.mark.parametrize("sample", short([s for s in rnn_samples() + option_samples() if s.hx][::6]), ids=str)
def test_opcheck_of_the_backward(sample, device):
    args, options = sample.make(torch.float32, device), positional(sample.make_options(torch.float32, device))
    with torch.no_grad():
        output, hn, states, saved = torch.ops.fastlm.rnn_layer(*args, *options, True)
    grads = torch.randn_like(output), [torch.randn_like(h) for h in hn], [torch.randn_like(c) for c in states]
    backward_args = (*grads, *args, *options[:-1], output, saved, True, True)
    result = torch.library.opcheck(torch.ops.fastlm.rnn_layer_backward.default, backward_args)
    assert set(result.values()) == {"SUCCESS"}


def test_frozen_and_unused_parts_have_no_gradient(device):
    args = RnnSample("rnn_tanh").make(device=device)
    args[0].requires_grad_(False)
    args[1][0].requires_grad_(False)
    output, _ = ops.rnn_layer(*args)
    output.sum().backward()
    assert args[0].grad is None
    assert args[1][0].grad is None
    assert args[2][0].grad is not None
    _, (h_n,) = ops.rnn_layer(*args)  # the output is not used, only h_n
    assert torch.autograd.grad(h_n.sum(), args[2][0])[0].abs().sum() > 0


def strided(tensor):
    """The same values in every other element of a larger storage."""
    spread = torch.stack([tensor.detach(), torch.full_like(tensor, torch.nan)], -1)
    return spread.select(-1, 0).requires_grad_()


def test_any_layout_of_the_arguments(device):
    dense = RnnSample("rnn_tanh", batch=4, hidden=6, directions=2).make(device=device)
    tensors = flatten(dense)
    function = as_function(dense)
    spread = [strided(t) for t in tensors]
    assert not spread[0].is_contiguous()
    for got, want in zip(function(*spread), function(*tensors), strict=True):
        assert torch.equal(got, want)
    for got, want in zip(gradients(function, spread), gradients(function, tensors), strict=True):
        assert torch.equal(got, want)


def test_expanded_input_and_gradient(device):
    input, *rest = RnnSample("rnn_tanh", steps=4, batch=5).make(device=device)
    row = input[:1, :1].detach()
    expanded = row.expand(4, 5, -1).requires_grad_()
    output, _ = ops.rnn_layer(expanded, *rest)
    want, _ = ops.rnn_layer(row.repeat(4, 5, 1), *rest)
    assert torch.equal(output, want)
    output.sum().backward()  # the gradient of a sum is an expanded tensor
    assert expanded.grad.shape == expanded.shape


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("cell", ops.rnn.cells())
def test_nan_and_infinity_pass_as_in_the_reference(cell, value, device):
    args = RnnSample(cell, steps=5, batch=3, hidden=7).make(device=device, requires_grad=False)
    args[0][2, 1, 0] = value
    output, hn = ops.rnn_layer(*args)
    want, want_hn, *_ = reference.rnn_layer(*args)
    torch.testing.assert_close(output, want, equal_nan=True)
    torch.testing.assert_close(hn, want_hn, equal_nan=True)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_same_bits_for_any_number_of_threads(count):
    args = RnnSample("rnn_tanh", steps=9, batch=37, inputs=20, hidden=70).make(torch.float32)
    results = []
    for each in (torch.get_num_threads(), count, count):
        with threads(each):
            output, hn = ops.rnn_layer(*args)
        results.append([output, *hn])
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_called_from_several_python_threads():
    from concurrent.futures import ThreadPoolExecutor

    args = RnnSample("rnn_tanh", steps=20, batch=33, inputs=40, hidden=64).make(torch.float32)
    want, _ = ops.rnn_layer(*args)
    with ThreadPoolExecutor(4) as pool:
        for output, _ in pool.map(lambda _: ops.rnn_layer(*args), range(16)):
            assert torch.equal(output, want)


def test_empty_batch(device):
    args = RnnSample("rnn_tanh", batch=0, hidden=5).make(device=device)
    output, (h_n,) = ops.rnn_layer(*args)
    assert output.shape == (3, 0, 5)
    assert h_n.shape == (1, 0, 5)
    output.sum().backward()
    assert args[3][0].grad.abs().sum() == 0


ERRORS = [
    ("input of 2 dimensions", lambda a: (a[0][0], *a[1:]), "input must have 3 dimensions, got 2"),
    ("no steps", lambda a: (a[0][:0], *a[1:]), "sequence length to be larger than 0"),
    ("features", lambda a: (a[0][..., :1], *a[1:]), r"expected w_ih of shape \[3, 1\], got \[3, 2\]"),
    ("hidden", lambda a: (a[0], [a[1][0][..., :2]], *a[2:]), r"expected hx of shape \[1, 2, 3\], got \[1, 2, 2\]"),
    ("states", lambda a: (a[0], a[1] * 2, *a[2:]), "rnn_tanh has 1 states, got 2"),
    ("recurrent weight", lambda a: (*a[:3], [a[3][0][:2]], *a[4:]), r"expected w_hh of shape \[3, 3\], got \[2, 3\]"),
    ("bias", lambda a: (*a[:4], [a[4][0][:2]], *a[5:]), r"expected b_ih of shape \[3\], got \[2\]"),
    ("directions", lambda a: (*a[:2], [], *a[3:]), "weights for 1 or 2 directions, got 0"),
    ("lists", lambda a: (*a[:3], a[3] * 2, *a[4:]), "as many w_ih, w_hh, b_ih and b_hh as directions"),
    ("dtype", lambda a: (a[0].float(), *a[1:]), "hx must have the dtype of input|w_ih must have the dtype of input"),
    ("integers", lambda a: _map(a, torch.Tensor.long), "expected float32 or float64|not implemented for 'Long'"),
    ("cell", lambda a: (*a[:7], "rnn_cube"), "unknown cell 'rnn_cube'"),
]


def _map(args, function):
    return (function(args[0].detach()), *([function(t.detach()) for t in ts] for ts in args[1:6]), *args[6:])


@pytest.mark.parametrize(("change", "message"), [e[1:] for e in ERRORS], ids=[e[0] for e in ERRORS])
def test_errors_say_what_was_expected(change, message):
    with torch.no_grad(), pytest.raises((RuntimeError, ValueError), match=message):
        ops.rnn_layer(*change(RnnSample("rnn_tanh").make()))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([1, 2], "never grow"),
        ([2, 0], "must be positive"),
        ([2, 2], "sum to 4, but input has 3 rows"),
        ([], "non-empty 1D int64"),
        ([[2, 1]], "non-empty 1D int64"),
        ([2.0, 1.0], "non-empty 1D int64"),
    ],
)
def test_batch_sizes_are_checked(sizes, message):
    input, hx, *rest = RnnSample("rnn_tanh", lengths=(2, 1)).make()
    with torch.no_grad(), pytest.raises(RuntimeError, match=message):
        ops.rnn_layer(input, hx, *rest[:4], torch.tensor(sizes), "rnn_tanh")


@ALL
def test_checked_agrees(sample):
    args, options = sample.make(torch.float32), sample.make_options(torch.float32)
    with fastlm.checked():
        output, hn, *_ = ops.rnn_layer(*args, **options)
        (output.sum() + sum(h.square().sum() for h in hn)).backward()
