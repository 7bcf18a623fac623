"""On a GPU, beyond the tables of tests/ops (which run there too): each regime, streams, graphs, equal bits.

None of this has run yet: see docs/cuda-verification.md.
"""

import pytest
import torch

from fastlm import ops, reference
from tests.compare import FORWARD, GRADIENT, relative_error
from tests.ops import test_linear_cross_entropy as losses
from tests.ops.test_rnn import as_function, flatten, gradients
from tests.samples import RnnSample

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

# By csrc/cuda/rnn_plan.h, on most GPUs: U on one multiprocessor; on a cluster; on the whole GPU; a launch a step.
REGIMES = [
    RnnSample(cell, steps=9, batch=batch, inputs=16, hidden=hidden, directions=2)
    for cell in ops.rnn.cells()
    for hidden, batch in ((64, 1), (128, 600), (256, 37), (700, 3), (700, 65), (1500, 2))
] + [RnnSample(cell, lengths=(40, 3, 17, 1, 40, 9), inputs=8, hidden=h) for cell in ops.rnn.cells() for h in (96, 600)]


@pytest.mark.parametrize("sample", REGIMES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_each_regime_equals_the_reference(sample, dtype):
    args = sample.make(torch.float64, "cuda")
    tensors = flatten(args)
    slow = as_function(args, reference.rnn_layer)
    want, want_gradients = slow(*tensors), gradients(slow, tensors)  # in double: the GPU's own products may use TF32
    narrow = [t.detach().to(dtype).requires_grad_() for t in tensors]
    fast = as_function(args)
    for got, wanted in zip(fast(*narrow), want, strict=True):
        assert relative_error(got.double(), wanted) < 3 * FORWARD[dtype]
    for got, wanted in zip(gradients(fast, narrow), want_gradients, strict=True):
        assert relative_error(got.double(), wanted) < 3 * GRADIENT[dtype]


@pytest.mark.parametrize("sample", REGIMES, ids=str)
def test_the_same_bits_every_time(sample):
    args = sample.make(torch.float32, "cuda")
    function, tensors = as_function(args), flatten(args)
    first = gradients(function, tensors)
    for _ in range(3):
        assert all(torch.equal(a, b) for a, b in zip(first, gradients(function, tensors), strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("count", [1, 7, 4096, (1 << 24) + 5])
@pytest.mark.parametrize("shift", [0, 1])
def test_dropout_has_the_bits_of_the_cpu(dtype, count, shift):
    x, seed = torch.randn(count + shift).to(dtype), torch.tensor(12345678901234567)
    want = ops.dropout(x[shift:], seed, 0.3)
    assert torch.equal(ops.dropout(x.cuda()[shift:], seed.cuda(), 0.3).cpu(), want)


def test_a_graph_draws_anew_when_the_seed_has_changed():
    x, seed = torch.ones(1000, device="cuda"), torch.tensor(1, device="cuda")
    ops.dropout(x, seed, 0.5)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = ops.dropout(x, seed, 0.5)
    for value in (1, 2, 3):
        seed.fill_(value)
        graph.replay()
        assert torch.equal(y.cpu(), ops.dropout(torch.ones(1000), torch.tensor(value), 0.5))


@pytest.mark.parametrize("lengths", [None, (5, 3, 3, 1)], ids=["equal", "packed"])
@pytest.mark.parametrize("hidden", [64, 300, 700])
def test_a_layer_in_a_graph(hidden, lengths):
    sample = RnnSample("rnn_tanh", steps=5, batch=4, lengths=lengths, hidden=hidden)
    args = sample.make(torch.float32, "cuda", requires_grad=False)
    ops.rnn_layer(*args)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output, _ = ops.rnn_layer(*args)
    args[0].normal_()
    graph.replay()
    assert torch.equal(output, ops.rnn_layer(*args)[0])


def test_works_on_the_stream_that_is_current():
    args = RnnSample("rnn_tanh", lengths=(50, 20, 3), inputs=32, hidden=700).make(torch.float32, "cuda")
    want, _ = ops.rnn_layer(*args)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(20):
            got, _ = ops.rnn_layer(*args)
    stream.synchronize()
    assert torch.equal(got, want)


def test_tensors_on_different_devices_are_refused():
    args = RnnSample("rnn_tanh").make(torch.float32, "cuda", requires_grad=False)
    with pytest.raises(RuntimeError, match="must be on the device of input"):
        ops.rnn_layer(args[0], [h.cpu() for h in args[1]], *args[2:])
    with pytest.raises(RuntimeError, match="seed must be on the device of input"):
        ops.dropout(torch.ones(3, device="cuda"), torch.tensor(1), 0.5)


LARGE_LOSS = losses.Sample(
    rows=3000, hidden=64, classes=50257, ignored=0.1, label_smoothing=0.1
)  # three chunks of rows


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_a_large_loss_equals_torch(reduction, dtype):
    tensors, options = losses.replace(LARGE_LOSS, reduction=reduction).make(dtype, "cuda")
    wide = [t.detach().double().requires_grad_() if t.is_floating_point() else t for t in tensors]
    got, want = (
        losses.loss_and_gradients(f, t, options) for f, t in ((ops.linear_cross_entropy, tensors), (losses.plain, wide))
    )
    for a, b in zip(got, want, strict=True):
        assert relative_error(a.double(), b) < 10 * GRADIENT[dtype]


def test_a_large_loss_has_the_same_bits_every_time_and_less_memory_than_its_logits():
    tensors, options = LARGE_LOSS.make(torch.float32, "cuda")
    first = losses.loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    for _ in range(3):
        again = losses.loss_and_gradients(ops.linear_cross_entropy, tensors, options)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.cuda.max_memory_allocated() - before < LARGE_LOSS.rows * LARGE_LOSS.classes * 4


def test_a_loss_waits_for_nothing_and_goes_into_a_graph():
    tensors, options = LARGE_LOSS.make(torch.float32, "cuda")
    ops.linear_cross_entropy(*tensors, **options).backward()
    torch.cuda.set_sync_debug_mode("error")
    try:
        ops.linear_cross_entropy(*tensors, **options).backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    with torch.no_grad():
        ops.linear_cross_entropy(*tensors, **options)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            loss = ops.linear_cross_entropy(*tensors, **options)
        tensors[2].fill_(5)
        graph.replay()
        assert torch.equal(loss, ops.linear_cross_entropy(*tensors, **options))


@pytest.mark.parametrize("target", [11, -1, 1 << 62])
def test_a_target_out_of_bounds_gives_nan(target):
    tensors, options = losses.BASE.make(device="cuda")
    tensors[2][3] = target
    loss, d_input, *gradients = losses.loss_and_gradients(ops.linear_cross_entropy, tensors, options)
    assert loss.isnan()
    assert torch.equal(d_input.isnan().all(1), tensors[2] == target)
    assert all(g.isnan().all() for g in gradients)
