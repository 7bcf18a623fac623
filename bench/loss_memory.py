"""How much memory a step of the output layer takes at its peak, as a program of its own.

``python -m fastlm.bench.loss_memory 50000 200 700 1 fastlm`` prints the bytes above what the process held before the
step, less those of the gradients that it leaves behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from fastlm.bench.bench_loss import Shape, plain, step, tensors
from fastlm.bench.peak_memory import resident

import fastlm

LOSSES = {"fastlm": fastlm.linear_cross_entropy, "torch": plain}


def step_bytes(side: str, shape: Shape) -> int:
    """Runs a small step, which loads code, and then the one that counts."""
    for size in (Shape(10, 10, 10), shape):
        x, weight, target, bias = tensors(size)
        before = resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak, from here on
        step(lambda: LOSSES[side](x, weight, target, bias), (x, weight, bias))  # noqa: B023
        extra = resident("VmHWM") - before - x.nbytes - weight.nbytes - bias.nbytes
    return extra


if __name__ == "__main__":
    *numbers, side = sys.argv[1:]
    *sizes, threads = map(int, numbers)
    torch.set_num_threads(threads)
    print(step_bytes(side, Shape(*sizes)))
