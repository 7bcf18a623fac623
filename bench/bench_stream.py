"""Streaming at batch 1: narrow weights beside float32, and one step beside torch.nn's, in the same arithmetic."""

import copy
import functools
from typing import NamedTuple

import pytest
import torch

import fastlm


class Shape(NamedTuple):
    steps: int
    hidden: int

    def __str__(self):
        return f"T{self.steps}-B1-H{self.hidden}"


SHAPES = [Shape(steps, hidden) for steps in (1, 35) for hidden in (64, 128, 256, 512, 1024)]
QUICK_SHAPES = [Shape(1, 128), Shape(1, 1024), Shape(35, 512)]

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}
BYTES = {"float32": 4, "bfloat16": 2, "int8": 1}
CALLS = 100
"""Of step() in a round, for 64 hidden units: the timer is coarse."""


@functools.cache
def reading_seconds(weights: int) -> float:
    """Least time for reading so many bytes once: measured on a buffer of that size, whatever cache it lies in."""
    buffer, repeats = torch.ones(weights // 4), max(1, (256 << 20) // weights)
    return weights / (max(torch.ops.fastlm.measure_read(buffer, repeats) for _ in range(3)) * 1e9)


@pytest.mark.parametrize("weights", BYTES)
@pytest.mark.parametrize("kind", GATES)
def bench_stream(duel, shape, kind, weights):
    """Float32: step() and forward() beside torch.nn's forward. Others: beside fastlm in float32."""
    torch.manual_seed(0)
    steps, hidden = shape
    peer = getattr(torch.nn, kind)(hidden, hidden).eval()
    module = getattr(fastlm, kind)(hidden, hidden).eval()
    module.load_state_dict(peer.state_dict())
    x = torch.randn(steps, 1, hidden)
    calls = max(1, CALLS * 64 // hidden) if steps == 1 else 1

    def short(module):
        def run():
            with torch.inference_mode():
                hx = None
                for _ in range(calls):
                    _, hx = module.step(x[0], hx) if steps == 1 else module(x)

        return run

    def torchs():
        with torch.inference_mode():
            hx = None
            for _ in range(calls):
                _, hx = peer(x, hx)

    fast = module if weights == "float32" else fastlm.quantize_(copy.deepcopy(module), weights)
    size = 2 * GATES[kind] * hidden**2 * BYTES[weights]  # the input product reads its half once for all steps
    limit = calls * reading_seconds(size) if steps == 1 else None
    regime = f"{kind} {weights}, {'step' if steps == 1 else 'T35'}"
    duel(short(fast), torchs if weights == "float32" else short(module), limit, regime=regime)
