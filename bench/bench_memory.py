"""The peak of memory in a training step of fastlm's recurrent layers and of torch.nn's, each in its own process."""

import subprocess
import sys

import pytest
from fastlm.bench.bench_rnn import GATES, Shape

SHAPES = [Shape(512, 64, 512)]
QUICK_SHAPES = [Shape(128, 32, 256)]


def megabytes(side, kind, shape, threads):
    numbers = map(str, (shape.steps, shape.batch, shape.hidden, threads))
    command = [sys.executable, "-m", "fastlm.bench.peak_memory", side, kind, *numbers]
    return int(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout) / 1e6


@pytest.mark.parametrize("kind", GATES)
def bench_memory(record, request, shape, kind):
    threads = request.config.option.threads
    ours, peer = (megabytes(side, kind, shape, threads) for side in ("fastlm", "torch.nn"))
    record(ours, peer, unit="MB", name=str(shape), regime=f"{kind} train, memory")
