"""How much memory a training step of a recurrent layer takes at its peak, as a program of its own.

``python -m fastlm.bench.peak_memory fastlm LSTM 512 64 512 1`` prints the bytes: of all that the process holds, the
step's own workspace and torch's alike, above what it held before the step (input, parameters, the output's gradient).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import torch

import fastlm

MODULES = {"fastlm": fastlm, "torch.nn": torch.nn}


def training_step_bytes(side: str, kind: str, steps: int, batch: int, hidden: int) -> int:
    """Runs one step, and counts its memory with the gradients that it leaves behind."""
    module = getattr(MODULES[side], kind)(hidden, hidden)
    small = torch.randn(2, 1, hidden, requires_grad=True)
    module(small)[0].sum().backward()  # loads code and starts threads, which is no memory of the step
    module.zero_grad()
    x = torch.randn(steps, batch, hidden, requires_grad=True)
    grad = torch.randn(steps, batch, hidden)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak, from here on
    module(x)[0].backward(grad)
    return resident("VmHWM") - before


def resident(field: str) -> int:
    """Bytes of memory in use now (VmRSS), or at the most so far (VmHWM)."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.M)
    assert found
    return int(found[1]) << 10


if __name__ == "__main__":
    side, kind, *numbers = sys.argv[1:]
    steps, batch, hidden, threads = map(int, numbers)
    torch.set_num_threads(threads)
    print(training_step_bytes(side, kind, steps, batch, hidden))
