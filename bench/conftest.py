"""The duel: fastlm and its peer in alternation, round by round, in one process.

pytest-benchmark measures fastlm; the peer runs, and is timed, in the set-up of each round: both see the same machine.
One thread is timed in CPU seconds, which other programs do not disturb; several threads in wall-clock seconds.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from fastlm.bench import limits

BUDGET = {False: 1.0, True: 0.2}
"""Seconds for each side of a duel, in a whole and in a quick run."""


def pytest_addoption(parser):
    group = parser.getgroup("fastlm")
    group.addoption("--threads", type=int, default=1, help="torch's threads (1 is timed in CPU seconds)")
    group.addoption("--quick", action="store_true", help="few shapes, short rounds")
    group.addoption("--output", type=Path, help="folder for results.json and ratios.png")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    torch.set_num_threads(config.getoption("--threads"))
    config.option.benchmark_timer = "time.process_time" if config.getoption("--threads") == 1 else "time.perf_counter"
    config.duels = []


def pytest_generate_tests(metafunc):
    """A suite names its shapes in SHAPES, and those of a quick run in QUICK_SHAPES."""
    if "shape" in metafunc.fixturenames:
        name = "QUICK_SHAPES" if metafunc.config.getoption("--quick") else "SHAPES"
        metafunc.parametrize("shape", getattr(metafunc.module, name), ids=str)


@pytest.fixture
def machine(request) -> limits.Limits:
    return limits.measure(request.config.getoption("--threads"))


@pytest.fixture
def duel(request, benchmark):
    timer = time.process_time if request.config.getoption("--threads") == 1 else time.perf_counter
    budget = BUDGET[request.config.getoption("--quick")]

    def run(fast: Callable[[], object], peer: Callable[[], object], limit_seconds: float | None = None) -> None:
        fast(), peer()  # first calls allocate and load
        start = timer()
        fast()
        rounds = max(5, min(200, round(budget / max(timer() - start, 1e-6))))
        peer_seconds = []

        def peers_turn():
            start = timer()
            peer()
            peer_seconds.append(timer() - start)

        benchmark.pedantic(fast, setup=peers_turn, rounds=rounds, iterations=1, warmup_rounds=1)
        ours, theirs = benchmark.stats.stats.median, statistics.median(peer_seconds)
        benchmark.extra_info.update(
            peer_median=theirs, ratio=theirs / ours, percent_of_limit=limit_seconds and 100 * limit_seconds / ours
        )
        suite = request.module.__name__.rpartition(".")[2].removeprefix("bench_")
        request.config.duels.append((suite, request.node.name, ours, theirs, limit_seconds))

    return run


def geometric_mean(values) -> float:
    return math.exp(statistics.fmean(map(math.log, values)))


def pytest_terminal_summary(terminalreporter, config):
    if not config.duels:
        return
    write = terminalreporter.write_line
    clock = "CPU time" if config.getoption("--threads") == 1 else "wall time"
    write(
        f"\nfastlm beside its peer: medians of {clock} in alternated rounds, {config.getoption('--threads')} thread(s)"
    )
    write(f"{'':44s} {'fastlm':>10s} {'peer':>10s} {'ratio':>7s} {'of the limit':>13s}")
    for suite in dict.fromkeys(duel[0] for duel in config.duels):
        rows = [duel for duel in config.duels if duel[0] == suite]
        for _, name, ours, theirs, limit in rows:
            share = f"{100 * limit / ours:12.1f}%" if limit else " " * 13
            name = name.removeprefix("bench_")
            write(f"{name:44s} {1e3 * ours:8.3f}ms {1e3 * theirs:8.3f}ms {theirs / ours:6.2f}x {share}")
        write(f"{suite + ', geometric mean':66s} {geometric_mean(t / o for _, _, o, t, _ in rows):6.2f}x")
    if output := config.getoption("--output"):
        save(output, config.duels, clock)
        write(f"written: {output / 'results.json'}, {output / 'ratios.png'}")


def save(output: Path, duels, clock: str) -> None:
    from fastlm.bench import plot

    output.mkdir(parents=True, exist_ok=True)
    rows = [
        {"suite": suite, "name": name, "fastlm_s": ours, "peer_s": theirs, "ratio": theirs / ours, "limit_s": limit}
        for suite, name, ours, theirs, limit in duels
    ]
    (output / "results.json").write_text(json.dumps({"clock": clock, "duels": rows}, indent=2) + "\n")
    plot.ratios(rows, output / "ratios.png")
