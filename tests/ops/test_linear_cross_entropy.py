"""fastlm::linear_cross_entropy against torch's own projection and loss: values, gradients, errors, torch's checks."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

import fastlm
from fastlm import ops, reference
from tests.compare import relative_error


@dataclass(frozen=True)
class Sample:
    """Arguments by their sizes."""

    rows: int = 7
    hidden: int = 5
    classes: int = 11
    bias: bool = True
    ignored: float = 0.0
    label_smoothing: float = 0.0
    z_loss: float = 0.0
    reduction: str = "mean"

    def make(self, dtype=torch.float64, device="cpu"):
        """(input, weight, target, bias), and the options."""

        def draw(*shape):
            return torch.randn(shape, dtype=torch.float64).to(device, dtype).requires_grad_()

        target = torch.randint(self.classes, (self.rows,))
        target[torch.rand(self.rows) < self.ignored] = -100
        bias = draw(self.classes) if self.bias else None
        tensors = draw(self.rows, self.hidden), draw(self.classes, self.hidden), target.to(device), bias
        return tensors, {
            "label_smoothing": self.label_smoothing,
            "z_loss": self.z_loss,
            "reduction": self.reduction,
        }


BASE = Sample()
SAMPLES = [
    BASE,
    replace(BASE, bias=False),
    replace(BASE, rows=1, hidden=1, classes=1),
    replace(BASE, ignored=0.5, label_smoothing=0.1, z_loss=0.01),
    replace(BASE, reduction="sum", z_loss=0.1, bias=False, ignored=0.3),
    replace(BASE, reduction="none", ignored=0.4, label_smoothing=0.3),
    Sample(rows=33, hidden=40, classes=300),  # several blocks of classes, two panels of rows
    Sample(rows=600, hidden=9, classes=129, ignored=0.3, label_smoothing=0.2, z_loss=0.001),  # several blocks of rows
]
ALL = pytest.mark.parametrize("sample", SAMPLES, ids=str)
SMALL = pytest.mark.parametrize("sample", SAMPLES[:6], ids=str)


def plain(input, weight, target, bias, *, z_loss, **options):
    """By torch, with the logits."""
    logits = functional.linear(input, weight, bias)
    loss = functional.cross_entropy(logits, target, **options)
    if z_loss:
        squares = torch.where(target == -100, 0.0, logits.logsumexp(1).square())
        mean = squares.sum() / (target != -100).sum()
        loss = loss + z_loss * {"mean": mean, "sum": squares.sum(), "none": squares}[options["reduction"]]
    return loss


def loss_and_gradients(function, tensors, options):
    loss = function(*tensors, **options)
    leaves = [t for t in tensors if t is not None and t.requires_grad]
    return [loss, *torch.autograd.grad(loss, leaves, torch.linspace(0.5, 2, loss.numel()).view_as(loss).to(loss))]


@ALL
@pytest.mark.parametrize(("dtype", "limit"), [(torch.float64, 1e-13), (torch.float32, 3e-6)], ids=str)
def test_equals_torch(sample, dtype, limit, device):
    tensors, options = sample.make(dtype, device)
    pairs = zip(*(loss_and_gradients(f, tensors, options) for f in (ops.linear_cross_entropy, plain)), strict=True)
    for got, want in pairs:
        assert got.dtype == dtype
        assert relative_error(got, want) < limit


@pytest.mark.parametrize(("dtype", "limit"), [(torch.bfloat16, 1e-2), (torch.float16, 2e-3)], ids=str)
def test_16_bits_are_computed_in_float(dtype, limit, device):
    limit *= 1 if device == "cpu" else 4  # where the logits are rounded, too
    tensors, options = Sample(rows=40, hidden=30, classes=200).make(dtype, device)
    wide = [t.float().detach().requires_grad_() if t.is_floating_point() else t for t in tensors]
    got, want = (loss_and_gradients(ops.linear_cross_entropy, t, options) for t in (tensors, wide))
    for a, b in zip(got, want, strict=True):
        assert a.dtype == dtype
        assert relative_error(a.float(), b) < limit


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 70), st.integers(1, 40), st.integers(1, 400), st.floats(0, 0.9), st.sampled_from(["mean", "sum"]))
def test_any_size_equals_torch(rows, hidden, classes, ignored, reduction):
    tensors, options = Sample(rows, hidden, classes, ignored=ignored, reduction=reduction).make()
    tensors[2][0] = classes - 1
    got, want = (loss_and_gradients(f, tensors, options) for f in (ops.linear_cross_entropy, plain))
    assert all(relative_error(a, b) < 1e-12 for a, b in zip(got, want, strict=True))


@SMALL
def test_opcheck(sample, device):
    tensors, options = sample.make(device=device)
    arguments = (*tensors, -100, options["label_smoothing"], options["z_loss"], options["reduction"], True, True, True)
    checks = torch.library.opcheck(torch.ops.fastlm.linear_cross_entropy.default, arguments)
    assert set(checks.values()) == {"SUCCESS"}


@SMALL
def test_checked_agrees(sample, device):
    tensors, options = sample.make(device=device)
    with fastlm.checked():
        loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    arguments = (*tensors, -100, *options.values())
    assert relative_error(ops.linear_cross_entropy(*tensors, **options), reference.linear_cross_entropy(*arguments)[0])\
        < 1e-13  # fmt: skip


@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_compiled_without_a_graph_break(reduction, device):
    tensors, options = replace(BASE, reduction=reduction).make(device=device)
    compiled = torch.compile(
        lambda *t: ops.linear_cross_entropy(*t, **options) * 2, backend="aot_eager", fullgraph=True
    )
    got = loss_and_gradients(compiled, tensors, {})
    want = loss_and_gradients(lambda *t, **o: 2 * plain(*t, **o), tensors, options)
    assert all(relative_error(a, b) < 1e-13 for a, b in zip(got, want, strict=True))


def test_only_what_is_wanted_has_a_gradient(device):
    tensors, options = BASE.make(device=device)
    want = loss_and_gradients(plain, tensors, options)
    for i, name in ((0, "input"), (1, "weight"), (3, "bias")):
        some = [t if j in (i, 2) else t.detach() for j, t in enumerate(tensors)]
        _, got = loss_and_gradients(ops.linear_cross_entropy, some, options)
        assert relative_error(got, want[1 + min(i, 2)]) < 1e-13, name
    with torch.no_grad():
        assert relative_error(ops.linear_cross_entropy(*tensors, **options), want[0]) < 1e-13


def test_a_batch_of_sequences_and_strides():
    x, weight = torch.randn(5, 4, 6).transpose(0, 1), torch.randn(6, 9).T
    target = torch.randint(9, (5, 4)).T
    for reduction in ("mean", "none"):
        got = ops.linear_cross_entropy(x, weight, target, reduction=reduction)
        logits = functional.linear(x, weight).flatten(0, 1)
        want = functional.cross_entropy(logits, target.flatten(), reduction=reduction)
        torch.testing.assert_close(got, want.view(got.shape))


def test_backward_through_a_retained_graph_twice(device):
    tensors, options = BASE.make(device=device)
    loss = ops.linear_cross_entropy(*tensors, **options)
    leaves = [t for t in tensors if t.requires_grad]
    first = torch.autograd.grad(3 * loss, leaves, retain_graph=True)
    second = torch.autograd.grad(3 * loss, leaves)
    assert all(relative_error(a, b) < 1e-13 for a, b in zip(first, second, strict=True))


def test_a_second_derivative_is_refused(device):
    tensors, options = BASE.make(device=device)
    loss = ops.linear_cross_entropy(*tensors, **options)
    with pytest.raises(RuntimeError, match="cannot be differentiated twice"):
        torch.autograd.grad(loss, tensors[0], create_graph=True)


def test_all_targets_ignored_as_in_torch(device):
    tensors, options = BASE.make(device=device)
    tensors[2].fill_(-100)
    loss, *gradients = loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    assert loss.isnan()
    assert all(g.count_nonzero() == 0 for g in gradients)
    assert ops.linear_cross_entropy(*tensors, **options | {"reduction": "sum"}) == 0


def test_no_rows(device):
    tensors, options = Sample(rows=0).make(device=device)
    loss, d_input, d_weight, _ = loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    assert loss.isnan()
    assert d_input.shape == (0, 5)
    assert d_weight.count_nonzero() == 0


@pytest.mark.parametrize("extreme", [1e4, -1e4, torch.inf, -torch.inf, torch.nan])
def test_extreme_logits_as_in_torch(extreme, device):
    (x, weight, target, bias), options = Sample(classes=300).make(torch.float32, device)
    with torch.no_grad():
        bias[:140] = extreme
    target[:] = 200
    with torch.no_grad():
        got, want = (f(x, weight, target, bias, **options) for f in (ops.linear_cross_entropy, plain))
    torch.testing.assert_close(got, want, equal_nan=True)


@pytest.mark.parametrize("threads", [1, 3])
def test_same_bits_for_any_number_of_threads(threads):
    tensors, options = Sample(rows=70, hidden=65, classes=1000).make(torch.float32)
    want, before = loss_and_gradients(ops.linear_cross_entropy, tensors, options), torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        got = loss_and_gradients(ops.linear_cross_entropy, tensors, options)
        assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))
    finally:
        torch.set_num_threads(before)


def test_autocast_computes_in_its_dtype():
    tensors, options = BASE.make(torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = ops.linear_cross_entropy(*tensors, **options)
    assert loss.dtype == torch.bfloat16
    assert relative_error(loss.float(), plain(*tensors, **options)) < 1e-2


@pytest.mark.parametrize("target", [11, -1])
def test_a_target_out_of_bounds(target):
    tensors, options = BASE.make()
    tensors[2][3] = target
    with pytest.raises(IndexError, match=rf"Target {target} is out of bounds\."):
        ops.linear_cross_entropy(*tensors, **options)


def test_arguments_that_do_not_fit():
    (x, weight, target, bias), _ = BASE.make()
    f = ops.linear_cross_entropy
    with pytest.raises(ValueError, match="median is not a valid value for reduction"):
        f(x, weight, target, reduction="median")
    with pytest.raises(RuntimeError, match=r"expected input \[N, H\] and weight \[V, H\], got \[7, 5\] and \[5, 11\]"):
        f(x, weight.T, target)
    with pytest.raises(RuntimeError, match=r"expected input \[..., H\] and target \[...\], got \[7, 5\] and \[6\]"):
        f(x, weight, target[1:])
    with pytest.raises(RuntimeError, match=r"expected bias of shape \[11\], got \[10\]"):
        f(x, weight, target, bias[1:])
    with pytest.raises(RuntimeError, match="expected weight and bias in the dtype of input, Double"):
        f(x, weight.float(), target)
    with pytest.raises(RuntimeError, match="expected target to be int64"):
        f(x, weight, target.double())
    with pytest.raises(RuntimeError, match=r"label_smoothing must be between 0.0 and 1.0. Got: 2"):
        f(x, weight, target, label_smoothing=2.0)
