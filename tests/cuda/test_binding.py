"""The GPU's operators with the executor of tests/simt for a device: all of the path but the GPU itself.

What runs is csrc/torch's binding (shapes, strides, workspaces, the products and sums round the steps) and every
launcher and kernel of csrc/cuda, compiled by g++ and executed on the CPU.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from fastlm import ops, reference
from tests.compare import FORWARD, GRADIENT, relative_error
from tests.ops import test_linear_cross_entropy as losses
from tests.ops.test_rnn import positional
from tests.samples import RnnSample, option_samples, rnn_samples

ROOT = Path(__file__).parents[2]
TORCH = Path(torch.__file__).parent
FLAGS = [
    *("-std=c++20", "-O1", "-fPIC", "-w", "-DTORCH_TARGET_VERSION=0x020a000000000000", "-DTORCH_STABLE_ONLY"),
    *(f"-I{ROOT / folder}" for folder in ("csrc", "tests/simt", "tests/simt/cuda")),
    f"-isystem{TORCH / 'include'}",
]


@pytest.fixture(scope="session")
def simt():
    """``torch.ops.fastlm_simt``, built anew where a source has changed."""
    build = ROOT / "build" / "simt_binding"
    build.mkdir(parents=True, exist_ok=True)
    sources = [
        *(ROOT / "csrc" / "cuda").glob("*.cu"),
        *(
            path
            for path in (ROOT / "tests" / "simt").glob("*.cc")
            if not path.stem.endswith(("_test", "fault", "faults"))
        ),
    ]
    headers = [path for folder in ("csrc", "tests/simt") for path in (ROOT / folder).rglob("*.*h")]
    newest_header = max(path.stat().st_mtime for path in headers)
    newest = max(newest_header, *(path.stat().st_mtime for path in sources))
    library = build / "fastlm_simt.so"
    if not library.exists() or library.stat().st_mtime < newest:
        compiler = os.environ.get("CXX", "c++").split()

        def compile(source):
            target = build / f"{source.name}.o"
            if target.exists() and target.stat().st_mtime > max(newest_header, source.stat().st_mtime):
                return str(target)
            subprocess.run([*compiler, *FLAGS, "-xc++", "-c", str(source), "-o", str(target)], check=True)
            return str(target)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            objects = list(pool.map(compile, sources))
        libraries = [f"-L{TORCH / 'lib'}", "-ltorch", "-ltorch_cpu", "-lc10"]
        subprocess.run([*compiler, "-shared", *objects, *libraries, "-o", str(library)], check=True)
    torch.ops.load_library(library)
    return torch.ops.fastlm_simt


LARGER = [
    sample
    for cell in ops.rnn.cells()
    for sample in (
        RnnSample(cell, steps=5, batch=19, inputs=7, hidden=70, directions=2),
        RnnSample(cell, lengths=(1, 6, 3, 6), inputs=5, hidden=40, directions=2, mask=True),
    )
]
# Of the 16-bit types: rounded at every step, on both ways.
FORWARD_16 = {torch.float16: 5e-3, torch.bfloat16: 4e-2}
JUMPS = ("rnn_relu", "indrnn")  # where a rounded state may lie on the other side of 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("sample", rnn_samples() + option_samples() + LARGER, ids=str)
def test_equals_the_reference(simt, sample, dtype):
    if dtype in FORWARD_16 and sample.cell in JUMPS:
        pytest.skip("its slope jumps: rounding changes the gradient at will")
    args = sample.make(dtype, requires_grad=False)
    options = sample.make_options(dtype, requires_grad=False)
    wide = torch.float64
    widened = torch.utils._pytree.tree_map(
        lambda leaf: leaf.to(wide) if isinstance(leaf, torch.Tensor) and leaf.is_floating_point() else leaf,
        (args, options),
    )
    output, hn, states, saved = simt.rnn_layer(*args, *positional(options), True)
    want = reference.rnn_layer(*widened[0], **widened[1])
    forward, backward = (
        (FORWARD_16[dtype], 2 * FORWARD_16[dtype]) if dtype in FORWARD_16 else (3 * FORWARD[dtype], 3 * GRADIENT[dtype])
    )
    if sample.norm:  # dividing by a deviation of few numbers enlarges their rounding
        forward, backward = 3 * forward, 3 * backward
    for got, wanted in zip([output, *hn, *states], [want[0], *want[1], *want[2]], strict=True):
        assert got.dtype == dtype
        assert relative_error(got.to(wide), wanted) < forward

    grads = [torch.linspace(-1, 1, y.numel(), dtype=dtype).view_as(y) for y in (output, *hn, *states)]
    grad_output, grad_hn, grad_states = grads[0], grads[1 : 1 + len(hn)], grads[1 + len(hn) :]
    got = simt.rnn_layer_backward(
        grad_output, grad_hn, grad_states, *args, *positional(options)[:-1], output, saved, True, bool(args[1])
    )
    wide_grads = grad_output.to(wide), [g.to(wide) for g in grad_hn], [g.to(wide) for g in grad_states]
    wanted = reference.rnn_layer_backward(
        *wide_grads, *widened[0], *positional(widened[1])[:-1], None, None, True, bool(args[1])
    )
    names = ("input", "hx", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr", "gains")
    for name, one, other in zip(names, got, wanted, strict=True):
        for a, b in zip([one] if name == "input" else one, [other] if name == "input" else other, strict=True):
            assert relative_error(a.to(wide), b) < backward, name


def test_without_a_backward_pass_nothing_is_saved(simt):
    args = RnnSample("lstm", steps=4, batch=3, hidden=20).make(torch.float32, requires_grad=False)
    options = RnnSample("lstm").make_options(torch.float32, requires_grad=False)
    want = simt.rnn_layer(*args, *positional(options), True)
    got = simt.rnn_layer(*args, *positional(options), False)
    assert got[3].numel() == 0
    assert torch.equal(got[0], want[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_dropout_has_the_bits_of_the_cpu(simt, dtype, p):
    x, seed = torch.randn(10_007).to(dtype), torch.tensor(12345678901234567)
    assert torch.equal(simt.dropout(x, seed, p), ops.dropout(x, seed, p))


def test_zoneout_keeps_the_same_units_as_on_the_cpu(simt):
    sample = RnnSample("lstm", lengths=(7, 3, 5), hidden=33, directions=2, zoneout=(0.4, 0.3))
    args, options = sample.make(torch.float64, requires_grad=False), sample.make_options(torch.float64)
    fast, slow = (
        layer(*args, *positional(options), False)[0] for layer in (simt.rnn_layer, torch.ops.fastlm.rnn_layer)
    )
    # a unit that keeps its state has the very number of the step before
    assert relative_error(fast, slow) < 1e-12


# The logits are 4 KiB at a time (tests/simt/binding.cc): one chunk of rows, or many.
LOSSES = [
    *losses.SAMPLES,
    losses.Sample(rows=50, hidden=3, classes=2003, ignored=0.4, label_smoothing=0.1),
    *(losses.replace(losses.SAMPLES[-1], reduction=reduction) for reduction in ("sum", "none")),
    losses.Sample(rows=0),
]
RESULTS = ("loss", "losses", "d_input", "d_weight", "d_bias")
LOSS_LIMITS = {torch.float32: 1e-5, torch.float64: 1e-12, torch.float16: 4e-3, torch.bfloat16: 3e-2}


@pytest.mark.parametrize("dtype", LOSS_LIMITS, ids=str)
@pytest.mark.parametrize("sample", LOSSES, ids=str)
def test_the_loss_equals_the_reference(simt, sample, dtype):
    tensors, options = sample.make(dtype)
    with torch.no_grad():
        tensors[1].mul_(sample.hidden**-0.5)
    wide = [t.detach().double() if t is not None and t.is_floating_point() else t for t in tensors]
    arguments = (-100, *options.values(), True, True, sample.bias)
    got = simt.linear_cross_entropy(*(t if t is None else t.detach() for t in tensors), *arguments)
    want = reference.linear_cross_entropy(*wide, *arguments)
    grad = torch.linspace(0.5, 2, got[0].numel()).view_as(got[0]).to(dtype)
    got += simt.linear_cross_entropy_backward(grad, *(t if t is None else t.detach() for t in tensors), *arguments)
    want += reference.linear_cross_entropy_backward(grad.double(), *wide, *arguments)
    for name, one, other in zip((*RESULTS, *RESULTS[2:]), got, want, strict=True):
        assert one.dtype == dtype
        if other is None:
            assert one.numel() == 0, name
        else:
            torch.testing.assert_close(one.isnan(), other.isnan())
            assert relative_error(one.double().nan_to_num(), other.nan_to_num()) < LOSS_LIMITS[dtype], name


@pytest.fixture
def on_simt(simt, monkeypatch):
    """``ops.linear_cross_entropy`` by the GPU's operators."""
    for name in ("_forward_op", "_backward_op"):
        op = getattr(simt, f"linear_cross_entropy{name.removesuffix('_op').removeprefix('_forward')}").default
        monkeypatch.setattr(sys.modules["fastlm.ops.linear_cross_entropy"], name, op)


@pytest.mark.parametrize("sample", losses.SAMPLES, ids=str)
def test_the_loss_and_its_gradients_equal_torch(on_simt, sample):
    losses.test_equals_torch(sample, torch.float64, 1e-12, "cpu")


@pytest.mark.parametrize("extreme", [1e4, -1e4, torch.inf, -torch.inf, torch.nan])
def test_extreme_logits_as_in_torch(on_simt, extreme):
    losses.test_extreme_logits_as_in_torch(extreme, "cpu")


def test_all_targets_ignored_as_in_torch(on_simt):
    losses.test_all_targets_ignored_as_in_torch("cpu")


def test_a_target_out_of_bounds_gives_nan_and_its_neighbours_do_not_mind(on_simt):
    tensors, options = losses.BASE.make()
    tensors[2][3] = 11
    loss, d_input, *gradients = losses.loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    assert loss.isnan()
    assert torch.equal(d_input.isnan().all(1), tensors[2] == 11)
    assert all(g.isnan().all() for g in gradients)


def test_parts_of_tensors_that_begin_anywhere(simt):
    (x, weight, target, bias), _ = losses.Sample(rows=9, classes=21).make(torch.float32)
    with torch.no_grad():
        arguments = -100, 0.0, 0.0, "sum", True, True, True
        got = simt.linear_cross_entropy(x[1:, 1:], weight[1:, 1:], target[1:].clamp(max=19), bias[1:], *arguments)
        whole = [t.clone() for t in (x[1:, 1:], weight[1:, 1:], target[1:].clamp(max=19), bias[1:])]
        assert all(torch.equal(a, b) for a, b in zip(got, simt.linear_cross_entropy(*whole, *arguments), strict=True))
