"""fastlm beside its peers on a GPU: torch.nn (cuDNN), and FlashRNN and Haste where they are installed.

All sides of a duel take turns, round by round; a turn is timed by CUDA events around several calls. Medians count.
"""

from __future__ import annotations

import contextlib
import importlib.util
import statistics
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
from fastlm.bench import bench_dropout, bench_rnn, cuda_model
from fastlm.bench.bench_rnn import GATES, Shape
from fastlm.bench.cuda_flows import REGIMES, Work
from fastlm.bench.duels import Duel
from torch.nn import functional

import fastlm

Step = Callable[[], object]
Clock = Callable[[Step, int], float]
"""Seconds of so many calls."""

DEVICE = "cuda"
TURN_SECONDS, ROUNDS = 0.02, 11


class Numbers(NamedTuple):
    """A number type, and whether float32 products may use TF32."""

    dtype: torch.dtype
    tf32: bool = False


NUMBERS = {
    "float32": Numbers(torch.float32),
    "tf32": Numbers(torch.float32, True),
    "bfloat16": Numbers(torch.bfloat16),
    "float16": Numbers(torch.float16),
}
EXTRA_SHAPES = [Shape(1024, 16, 768), Shape(35, 20, 1500)]
"""FlashRNN's own measurement; the large LSTM of Zaremba et al. (2014)."""
PEERS = {"flashrnn": "FlashRNN", "haste_pytorch": "Haste"}
"""Module -> name, of those that need not be installed."""


def installed(module: str) -> bool:
    """Without importing it, which may compile."""
    return importlib.util.find_spec(module) is not None


def cuda_seconds(work: Step, calls: int) -> float:
    """By the GPU's own clock."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        work()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / 1e3


def alternate(sides: Sequence[Step], clock: Clock = cuda_seconds, rounds: int = ROUNDS) -> list[float]:
    """Median seconds of a call of each side."""
    for side in sides:
        for _ in range(3):  # first calls allocate, load and choose algorithms
            clock(side, 1)
    calls = [max(1, min(1000, round(TURN_SECONDS / max(clock(side, 1), 1e-6)))) for side in sides]
    turns = [[clock(side, n) / n for side, n in zip(sides, calls, strict=True)] for _ in range(rounds)]
    return [statistics.median(side) for side in zip(*turns, strict=True)]


@contextlib.contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """For torch's products and for cuDNN."""
    places = (torch.backends.cuda.matmul, torch.backends.cudnn)
    before = [place.allow_tf32 for place in places]
    for place in places:
        place.allow_tf32 = allowed
    try:
        yield
    finally:
        for place, value in zip(places, before, strict=True):
            place.allow_tf32 = value


def pass_of(run: Callable[[], torch.Tensor], inputs: Sequence[torch.Tensor], training: bool) -> Step:
    """A forward pass, or one with its way back."""
    if not training:
        return torch.no_grad()(run)
    grad = torch.randn_like(run())

    def train() -> None:
        for tensor in inputs:
            tensor.grad = None
        run().backward(grad)

    return train


def module_step(module: torch.nn.Module, shape: Shape, dtype: torch.dtype, training: bool) -> Step:
    """Of fastlm, torch.nn or Haste."""
    torch.manual_seed(0)
    module.to(DEVICE, dtype).train(training)
    input, x, _ = bench_rnn.sequences(shape, False)
    input, x = (input.to(DEVICE, dtype), None) if shape.packed else (x.to(DEVICE, dtype).requires_grad_(training),) * 2

    def run() -> torch.Tensor:
        output = module(input)[0]
        return output[0] if shape.packed else output

    return pass_of(run, [*module.parameters(), *([] if x is None else [x])], training)


def flashrnn_step(shape: Shape, dtype: torch.dtype, training: bool) -> Step:
    """An LSTM with its input product, which FlashRNN leaves to the caller."""
    from flashrnn import flashrnn

    def draw(*size: int) -> torch.Tensor:
        return (torch.randn(size, device=DEVICE) * shape.hidden**-0.5).to(dtype).requires_grad_(training)

    x, w = draw(shape.batch, shape.steps, shape.hidden), draw(4 * shape.hidden, shape.hidden)
    u, b = draw(4, 1, shape.hidden, shape.hidden), draw(4, 1, shape.hidden)
    states = torch.zeros(2, shape.batch, 1, 1, shape.hidden, device=DEVICE, dtype=dtype)

    def run() -> torch.Tensor:
        by_x = functional.linear(x, w).view(shape.batch, shape.steps, 4, 1, shape.hidden)
        return flashrnn(by_x, u, b, states=states, function="lstm", backend="cuda_fused")[0][0]

    return pass_of(run, [x, w, u, b], training)


def rnn_sides(kind: str, shape: Shape, dtype: torch.dtype, training: bool) -> dict[str, Callable[[], Step]]:
    """Who takes part, fastlm first, and what makes its step."""
    sizes = {"num_layers": shape.layers, "bidirectional": shape.bidirectional}

    def of_module(library: Any, **arguments: Any) -> Callable[[], Step]:
        return lambda: module_step(
            getattr(library, kind)(shape.hidden, shape.hidden, **arguments), shape, dtype, training
        )

    sides = {"fastlm": of_module(fastlm, **sizes), "torch.nn": of_module(torch.nn, **sizes)}
    plain = not shape.variant
    if plain and kind == "LSTM" and dtype != torch.float32 and installed("flashrnn"):
        sides["FlashRNN"] = lambda: flashrnn_step(shape, dtype, training)
    if plain and kind in ("LSTM", "GRU") and dtype == torch.float32 and installed("haste_pytorch"):
        import haste_pytorch

        sides["Haste"] = of_module(haste_pytorch)
    return sides


def hold(
    sides: dict[str, Callable[[], Step]], failures: list[str], what: str, clock: Clock = cuda_seconds
) -> dict[str, float]:
    """Seconds of each side that runs; what does not is noted, and does not stop the others."""
    steps = {}
    for name, make in sides.items():
        try:
            steps[name] = make()
            steps[name]()
        except Exception as error:
            steps.pop(name, None)
            failures.append(f"{name}, {what}: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
    return dict(zip(steps, alternate(list(steps.values()), clock), strict=True)) if steps else {}


def model_seconds(gpu: str, kind: str, number: str, shape: Shape, training: bool) -> float | None:
    """What the MODEL (docs/cuda-model.md) gives as the least, of a plain layer; None for a GPU that it has not."""
    device = next((device for name, device in cuda_model.devices().items() if name in gpu), None)
    if device is None or shape.variant or not device.l2_gb_s:
        return None
    name = "float" if number in ("float32", "tf32") else "__nv_bfloat16"
    tflops = {"float32": device.fp32_tflops, "tf32": device.tf32_tflops}.get(number, device.half_tflops)
    seconds = 0.0
    for backward in (False, True)[: 1 + training]:
        work = Work(kind, shape.steps, shape.batch, shape.hidden, name, backward)
        found = [one.step_us for regime in REGIMES if (one := cuda_model.estimate(regime, work, device, []))]
        product = work.flops * shape.steps / (tflops * 1e12)
        seconds += min(found) * 1e-6 * shape.steps + product * (
            3 if backward else 1
        )  # W; on the way back dX, dW and dU
    return seconds


def measure(quick: bool, failures: list[str]) -> Iterator[Duel]:
    """All duels; what could not run is appended to failures."""
    gpu = torch.cuda.get_device_name()
    shapes = bench_rnn.QUICK_SHAPES if quick else [*bench_rnn.SHAPES, *EXTRA_SHAPES]
    for number, (dtype, allowed) in NUMBERS.items():
        for kind in GATES:
            for shape in shapes:
                for mode, training in (("forward", False), ("train", True)):
                    what = f"{kind} {mode} {number} {shape}"
                    with tf32(allowed):
                        seconds = hold(rnn_sides(kind, shape, dtype, training), failures, what)
                    facts = {"kind": f"{kind} {number}", "mode": mode, **shape._asdict(), "variant": shape.variant}
                    limit = model_seconds(gpu, kind, number, shape, training)
                    yield from duels("rnn", f"{kind} {mode} {number}", str(shape), seconds, limit, facts)
    for size in bench_dropout.QUICK_SHAPES if quick else bench_dropout.SHAPES:
        for dtype in (torch.float32, torch.bfloat16):
            seconds = hold(dropout_sides(size, dtype), failures, f"dropout {size}")
            yield from duels("dropout", f"dropout {str(dtype).removeprefix('torch.')}", str(size), seconds)


def dropout_sides(size: int, dtype: torch.dtype) -> dict[str, Callable[[], Step]]:
    """Forward and back."""
    x = torch.randn(size, device=DEVICE, dtype=dtype, requires_grad=True)
    functions = {"fastlm": fastlm.dropout, "torch.nn": functional.dropout}
    return {
        name: lambda dropout=dropout: pass_of(lambda: dropout(x, 0.5), [x], True) for name, dropout in functions.items()
    }


def duels(
    suite: str,
    regime: str,
    name: str,
    seconds: dict[str, float],
    limit: float | None = None,
    facts: dict[str, Any] | None = None,
) -> Iterator[Duel]:
    """Fastlm with each of the others."""
    for peer, theirs in seconds.items():
        if peer != "fastlm" and "fastlm" in seconds:
            own = facts if facts and peer == "torch.nn" else None  # the map of shapes is of one peer
            label = regime if peer == "torch.nn" else f"{regime}, {peer}"
            yield Duel(
                suite if own or suite != "rnn" else "rnn peers",
                name,
                label,
                seconds["fastlm"],
                theirs,
                limit=limit,
                facts=own or {},
            )
