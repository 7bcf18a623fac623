"""The machine's limits, measured, and the least time that they allow for a piece of work."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

import fastlm

_CACHES = (256 << 10, 2 << 20, 16 << 20, 256 << 20)  # bytes a thread: two levels of cache, a large one, memory


@dataclass(frozen=True)
class Limits:
    """What torch's threads can do here, all together."""

    gflops: float
    """Float32 multiply-adds that never leave the registers, each as two operations."""
    read_gb_s: tuple[tuple[int, float], ...]
    """Reading a buffer of so many bytes a thread again and again."""

    def bandwidth(self, bytes: float) -> float:
        """GB/s for a working set of so many bytes, shared by all threads."""
        per_thread = bytes / torch.get_num_threads()
        return next((rate for size, rate in self.read_gb_s if per_thread <= size), self.read_gb_s[-1][1])


@functools.cache
def measure(threads: int) -> Limits:
    """Measures the limits for torch's current number of threads; takes about a second."""
    assert threads == torch.get_num_threads()
    assert fastlm.status.isa  # asking loads the operators
    ops = torch.ops.fastlm

    def best(tries: int, rate: Callable[[], float]) -> float:
        return max(_in_clock_of_duels(rate, threads) for _ in range(tries))

    gflops = best(5, lambda: ops.measure_fma(2_000_000))
    read = []
    for size in _CACHES:
        buffer = torch.ones(size * threads // 4)
        repeats = max(1, (512 << 20) // (size * threads))
        read.append((size, best(4, functools.partial(ops.measure_read, buffer, repeats))))
    return Limits(gflops, tuple(read))


def _in_clock_of_duels(rate: Callable[[], float], threads: int) -> float:
    """A rate that was measured in wall time; in CPU time if there is one thread, as the duels are."""
    wall, cpu = time.perf_counter(), time.process_time()
    measured = rate()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return measured * wall / cpu if threads == 1 else measured


@dataclass(frozen=True)
class Recurrent:
    """Recurrent layers whose first input is as wide as the hidden state."""

    gates: int
    hidden: int
    layers: int = 1
    directions: int = 1
    projection: int = 0
    """Width of the output where it is projected (an LSTM's proj_size), or 0."""


def rnn_seconds(limits: Limits, work: Recurrent, rows: int, steps: int, training: bool) -> float:
    """Least time for so many rows of input: the steps of all sequences together, the longest having ``steps``.

    A roofline. The products over the whole sequence are bound by arithmetic; the recurrence either by arithmetic, or
    by reading its weights once a step. A packed batch has fewer rows than steps times sequences, but as many steps.
    """

    def product(weights: int) -> float:
        return 2 * rows * weights / (limits.gflops * 1e9)

    width = work.projection or work.hidden
    recurrent = work.gates * work.hidden * width + work.projection * work.hidden
    recurrence = max(product(recurrent), steps * 4 * recurrent / (limits.bandwidth(4 * recurrent) * 1e9))
    seconds = 0.0
    for layer in range(work.layers):
        through_w = product(work.gates * work.hidden * (width * work.directions if layer else work.hidden))
        seconds += through_w + recurrence
        if training:  # back through the recurrence; its weights' gradient; dX and dW
            seconds += recurrence + product(recurrent) + 2 * through_w
    return work.directions * seconds


def streaming_seconds(limits: Limits, bytes: float) -> float:
    """Least time to move so many bytes through the memory."""
    return bytes / (limits.read_gb_s[-1][1] * 1e9)


@functools.cache
def random_load_seconds(bytes: int, chains: int = 16) -> float:
    """Time of a load from anywhere in so many bytes: one chain of loads waits for each, 16 are under way at once.

    Look-ups in a table of that size cannot be faster, but those that repeat themselves stay in nearer caches.
    """
    from fastlm.ngram._engine import engine

    return min(engine.seconds_a_load(bytes, chains) for _ in range(3))
