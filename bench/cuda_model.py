"""A model of the speed of the CUDA kernels: what published figures of a GPU would allow. Nothing in it is measured.

``make cuda-model`` writes docs/cuda-model.md, .csv and .png from docs/cuda-kernels.csv (registers), from the table of
devices in csrc/cuda/occupancy.h, and from how the data flow: bench/cuda_flows.py.
"""

from __future__ import annotations

import argparse
import ast
import csv
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fastlm.bench.cuda_flows import CELLS, REGIMES, WARP, Device, Flow, Regime, Work

ROOT = Path(__file__).resolve().parents[1]
DEVICES = ("A100", "H100")

LSTM_SHAPES = ((35, 20, 200), (35, 32, 128), (128, 32, 256), (35, 64, 512), (1024, 16, 768), (35, 20, 1500))
WORKS = [
    *(Work("LSTM", *shape, number) for shape in LSTM_SHAPES for number in ("float", "__nv_bfloat16")),
    *(Work("LSTM", 1024, 16, 768, number, backward=True) for number in ("float", "__nv_bfloat16")),
    Work("LSTM", 35, 32, 128, backward=True),
    *(Work(cell, 35, 32, 128) for cell in ("RNN", "GRU")),
]


class Latency(NamedTuple):
    """Of something that one waits for."""

    cycles: float
    source: str
    microseconds: float = 0


HOPPER = "Luo et al. (2024), arXiv 2402.13499: measured on an sm_90, taken for an A100 too"
LATENCIES = {
    "shared load": Latency(29, HOPPER),
    "L2 load": Latency(263, HOPPER),
    "L2 one way": Latency(132, "half of it: derived"),
    "fence": Latency(263, "MEMBAR.ALL.GPU, which a release in a cluster is too: to L2 and back, derived"),
    "other SM": Latency(180, "the same: one way within a cluster"),
    "block barrier": Latency(30, "assumed"),
    "shuffle": Latency(25, "assumed"),
    "activation": Latency(100, "assumed: the chain from the sums to h, two of the special functions after each other"),
    "launch": Latency(0, "from one kernel of a CUDA graph to the next: assumed, as in csrc/cuda/rnn_plan.h", 2.5),
}
SHARED_BYTES_PER_CLOCK = 128  # of an SM
L2_BYTES_PER_CLOCK = 64  # into an SM: A100 whitepaper
CLUSTER_GB_S = 3270  # among the SMs of all clusters: Luo et al., at its best

PUBLISHED = """\
| LSTM, B 16, T 1024, 768 units, H100: published | forward ms | forward and backward ms | forward us a step |
|---|---:|---:|---:|
| nn.LSTM in float16 (cuDNN) | 2.01 | 5.19 | 1.96 |
| FlashRNN, fused | 4.87 | 13.6 | 4.76 |
| Haste, float32 | 18.4 | 43.9 | 18.0 |
| vanilla PyTorch | 147 | 484 | 144 |

From Pöppel et al. (2024), "FlashRNN", on their H100. cuDNN's figure has the input product in it, which is not in the
tables above: at its peak it would take {input_ms:.2f} ms in 16 bits."""


class Estimate(NamedTuple):
    """The model's word on one piece of work: microseconds of a step, by what takes them."""

    device: str
    work: Work
    regime: str
    registers: int
    in_table: bool
    flow: Flow
    blocks_per_sm: int
    arithmetic: float
    shared: float
    l2: float
    dram: float
    waiting: float

    @property
    def throughput(self) -> float:
        """These go on at the same time: the slowest counts."""
        return max(self.arithmetic, self.shared, self.l2, self.dram)

    @property
    def step_us(self) -> float:
        """At best. Nothing hides the waiting: the next step needs this one."""
        return self.throughput + self.waiting

    @property
    def bound(self) -> str:
        """What takes most of it."""
        terms = {name: getattr(self, name) for name in ("arithmetic", "shared", "l2", "dram", "waiting")}
        return max(terms, key=lambda name: terms[name])


def devices(header: Path = ROOT / "csrc" / "cuda" / "occupancy.h") -> dict[str, Device]:
    """The table of devices, as the C++ has it."""
    table = re.search(r"kDevices\[\] = \{\n(.*?)\n\};", header.read_text(), re.S)
    assert table, "csrc/cuda/occupancy.h has no kDevices"
    rows = (re.sub(r"[{}]", "", line).strip().rstrip(",").split(", ") for line in table[1].splitlines())
    return {row[0].strip('"'): Device(row[0].strip('"'), *map(number, row[1:])) for row in rows}


def number(text: str) -> Any:
    """Of C++, such as 164 << 10."""
    value, _, shift = text.partition("<<")
    return ast.literal_eval(value.strip()) << int(shift or 0) if shift else ast.literal_eval(value.strip())


def blocks_per_sm(device: Device, threads: int, registers: int, shared_bytes: int) -> int:
    """As csrc/cuda/occupancy.h counts them."""
    warps, per_warp = -(-threads // WARP), -(-registers * WARP // 256) * 256
    shared = -(-(shared_bytes + 1024) // 128) * 128
    if per_warp * -(-warps // 4) * 4 > device.registers or shared > device.shared_of_block + 1024 or threads > 1024:
        return 0
    by_registers = device.registers // 4 // per_warp * 4 // warps
    return min(device.threads // WARP // warps, by_registers, device.shared_of_sm // shared, device.blocks)


def registers_of(regime: Regime, work: Work, device: Device, kernels: Sequence[dict[str, str]]) -> int | None:
    """The most of the kernels of this regime that are in the table; None if there are none."""
    places = {"direction": "backward" if work.backward else "forward", "number": work.number}
    pattern = regime.kernel.format(cell=re.escape(CELLS[work.cell].template), **places)
    architectures = sorted(
        {int(row["architecture"]) for row in kernels if int(row["architecture"]) <= device.capability}
    )
    found = [
        int(row["registers"])
        for row in kernels
        if re.search(pattern, row["kernel"]) and int(row["architecture"]) == architectures[-1]
    ]
    return max(found, default=None)


def estimate(regime: Regime, work: Work, device: Device, kernels: Sequence[dict[str, str]]) -> Estimate | None:
    """The best layout of a regime; None where the work does not fit it."""
    layouts = [lay_out(regime, work, device, flow, kernels) for flow in regime.flows(work, device)]
    return min((layout for layout in layouts if layout), key=lambda one: one.step_us, default=None)


def lay_out(
    regime: Regime, work: Work, device: Device, flow: Flow, kernels: Sequence[dict[str, str]]
) -> Estimate | None:
    """One layout; None where not even one block fits on an SM."""
    known = registers_of(regime, work, device, kernels)
    registers = regime.registers if known is None else known
    resident = blocks_per_sm(device, flow.threads, registers, flow.block_bytes)
    if resident == 0:
        return None
    rounds = -(-flow.blocks // (resident * device.multiprocessors))
    used = min(flow.blocks, device.multiprocessors)
    share, per_us = used / device.multiprocessors, device.clock_ghz * 1e3
    tflops = {"fp32": device.fp32_tflops, "tf32": device.tf32_tflops, "half": device.half_tflops}[flow.unit]
    l2_per_us = min(device.l2_gb_s * 1e3, used * L2_BYTES_PER_CLOCK * per_us)
    waits = [(count, LATENCIES[name]) for name, count in flow.waits.items()]
    waiting = sum(count * (latency.microseconds + latency.cycles / per_us) for count, latency in waits)
    return Estimate(
        device.name,
        work,
        regime.name,
        registers,
        known is not None,
        flow,
        resident,
        flow.flops / (tflops * 1e6 * share),
        flow.shared / (used * SHARED_BYTES_PER_CLOCK * per_us),
        max(flow.l2 / l2_per_us, flow.network / (CLUSTER_GB_S * 1e3)),
        flow.dram / (device.dram_gb_s * 1e3),
        waiting * rounds,
    )


def plans() -> dict[tuple[str, Work], str]:
    """The regime that csrc/cuda/rnn_plan.h chooses for every work on every device."""
    asked = [(name, work) for name in DEVICES for work in WORKS]
    lines = [
        f"{name} {work.gates} {1 + (work.cell == 'LSTM')} {work.batch} {work.hidden} {work.bytes} {int(work.backward)}"
        for name, work in asked
    ]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "cuda_plan")
        compiler = os.environ.get("CXX", "c++").split()
        source = str(Path(__file__).with_name("cuda_plan.cc"))
        subprocess.run([*compiler, "-std=c++20", f"-I{ROOT / 'csrc'}", source, "-o", str(program)], check=True)
        answer = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    return dict(zip(asked, answer.stdout.splitlines(), strict=True))


def estimates(kernels: Sequence[dict[str, str]]) -> Iterator[Estimate]:
    """Every work in every regime on every device."""
    table = devices()
    for name in DEVICES:
        for work in WORKS:
            for regime in REGIMES:
                if found := estimate(regime, work, table[name], kernels):
                    yield found


COLUMNS = (
    *("regime", "kernel", "blocks x threads", "on an SM", "MFLOP", "shared KB", "L2 KB", "memory KB", "barriers"),
    *("arithmetic", "shared", "L2", "memory", "waiting", "**us a step**", "bound by", "ms"),
)


def cells(one: Estimate) -> list[str]:
    """A row of the page."""
    flow = one.flow
    kernel = f"{one.registers} registers" + ("" if one.in_table else ", planned")
    sizes = (flow.flops / 1e6, flow.shared / 1e3, (flow.l2 + flow.network) / 1e3, flow.dram / 1e3)
    times = (one.arithmetic, one.shared, one.l2, one.dram, one.waiting)
    bound = {"l2": "L2", "dram": "memory"}.get(one.bound, one.bound)
    return [
        *(one.regime, kernel, f"{flow.blocks} x {flow.threads}", str(one.blocks_per_sm)),
        *(f"{size:.3g}" if size < 1000 else f"{size:.0f}" for size in sizes),
        flow.barriers,
        *(f"{time:.2f}" for time in times),
        *(f"**{one.step_us:.2f}**", bound, f"{one.step_us * one.work.steps / 1e3:.3g}"),
    ]


def document(all_estimates: Sequence[Estimate], planned: dict[tuple[str, Work], str]) -> str:
    """The page."""
    lines = [INTRODUCTION]
    for name in DEVICES:
        lines.append(f"## {name}: MODEL, not measured\n")
        for work in WORKS:
            group = [one for one in all_estimates if (one.device, one.work) == (name, work)]
            best = min(group, key=lambda one: one.step_us)
            lines.append(
                f"**{work}**: {best.regime} is the fastest here, at best {best.step_us:.2f} us a step; "
                f"planned: {planned[name, work]}\n"
            )
            lines += table(COLUMNS, map(cells, group))
    h100 = devices()["H100"]
    input_ms = 2 * 1024 * 16 * 4 * 768 * 768 / (h100.half_tflops * 1e12) * 1e3
    lines += ["## Beside what others have published\n", PUBLISHED.format(input_ms=input_ms), ""]
    rows = []
    for number in ("float", "__nv_bfloat16"):
        ways = [Work("LSTM", 1024, 16, 768, number, backward) for backward in (False, True)]
        for regime in REGIMES:
            both = [
                one for one in all_estimates if (one.device, one.regime) == ("H100", regime.name) and one.work in ways
            ]
            if len(both) == 2:
                forward, backward = (one.step_us * 1024 / 1e3 for one in both)
                label = "float32" if number == "float" else "bfloat16"
                rows.append([f"{regime.name}, {label}", f"{forward:.2f}", f"{forward + backward:.2f}"])
    lines += table(("the same in this MODEL, recurrence alone, at best", "forward ms", "forward and backward ms"), rows)
    lines += ["## What is assumed of the GPUs\n"]
    lines += table(
        ("one waits for", "cycles", "us", "source"),
        ([name, f"{x.cycles:g}", f"{x.microseconds:g}", x.source] for name, x in LATENCIES.items()),
    )
    lines.append(
        f"Shared memory: {SHARED_BYTES_PER_CLOCK} bytes a clock from an SM. L2: {L2_BYTES_PER_CLOCK} bytes a clock "
        "into an SM, at most what the whole L2 gives; where a cluster exchanges, that column is the network among "
        f"SMs, {CLUSTER_GB_S} GB/s. Clocks, peaks and bandwidths with their sources: `csrc/cuda/occupancy.h`. How the "
        "data flow: `bench/cuda_flows.py`.\n"
    )
    return "\n".join(lines)


INTRODUCTION = """\
# A model of the speed of the CUDA kernels

**This is a MODEL. None of it was measured, no GPU was at hand.** It says what the published figures of a GPU would
allow, and what would be the limit: to choose between ways of running a recurrence, and to have something to hold the
first measurements against. Written by `make cuda-model`; all figures are in [cuda-model.csv](cuda-model.csv).

A step takes at best: the longest of **arithmetic**, **shared** memory, **L2** and **memory** (which overlap), and then
all of the **waiting** (which nothing hides: the next step needs this one). Microseconds. Only the SMs that have a block
count; of the layouts that a regime has, the best is shown. Real kernels do not reach peaks; bank conflicts, the
instructions around the products and the tail of a launch are not in it. Registers marked *planned* are a guess: there
is no such kernel in [cuda-kernels.csv](cuda-kernels.csv).

*Planned* behind a shape is what `csrc/cuda/rnn_plan.h` chooses, by a coarser estimate and among the layouts that fit
the present kernels. Tensor cores are for 16-bit numbers, and for float32 only where TF32 is allowed.

![Time of a step by regime, as modelled](cuda-model.png)
"""


def table(header: Iterable[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """In Markdown."""
    header = list(header)
    lines = ["| " + " | ".join(row) + " |" for row in [header, *rows]]
    return [lines[0], "|---" * len(header) + "|", *lines[1:], ""]


def save(all_estimates: Sequence[Estimate], path: Path) -> None:
    """Everything as CSV, a step and a whole sequence."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        terms = ("arithmetic", "shared", "l2", "dram", "waiting")
        sizes = ("flops", "shared", "l2", "network", "dram")
        launch = ("registers", "registers_known", "blocks", "threads", "block_shared_bytes", "blocks_per_sm")
        amounts = [f"{size}_{unit}" for unit in ("step", "sequence") for size in sizes]
        header = ["device", "regime", *Work._fields, *launch, *amounts, "barriers_of_step"]
        writer.writerow([*header, *(f"{term}_us" for term in terms), "step_us", "sequence_ms", "bound"])
        for one in all_estimates:
            flow, steps = one.flow, one.work.steps
            row: list[Any] = [one.device, one.regime, *one.work, one.registers, one.in_table, flow.blocks, flow.threads]
            row += [flow.block_bytes, one.blocks_per_sm]
            row += [times * getattr(flow, size) for times in (1, steps) for size in sizes] + [flow.barriers]
            row += [f"{getattr(one, term):.4g}" for term in terms]
            writer.writerow([*row, f"{one.step_us:.4g}", f"{one.step_us * steps / 1e3:.4g}", one.bound])


def plot(all_estimates: Sequence[Estimate], path: Path) -> None:
    """Bars for a step on each device: what overlaps, and the waiting on top."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import patches, pyplot

    works = [work for work in WORKS if work.cell == "LSTM" and not work.backward]
    labels = [str(work).removeprefix("LSTM ").replace("-H", "\nH") for work in works]
    figure, grid = pyplot.subplots(len(DEVICES), 1, figsize=(11, 3.4 * len(DEVICES)), sharey=True, layout="constrained")
    for name, axes in zip(DEVICES, grid, strict=True):
        for at, regime in enumerate(REGIMES):
            ours = [
                one for one in all_estimates if (one.device, one.regime) == (name, regime.name) and one.work in works
            ]
            places = [works.index(one.work) + 0.14 * (at - (len(REGIMES) - 1) / 2) for one in ours]
            throughput, waiting = ([getattr(one, term) for one in ours] for term in ("throughput", "waiting"))
            axes.bar(places, throughput, 0.13, color=f"C{at}")
            axes.bar(places, waiting, 0.13, bottom=throughput, color=f"C{at}", alpha=0.4)
        axes.set_yscale("log")
        axes.set_xticks(range(len(works)), labels, fontsize=7)
        axes.set_ylabel("us a step, at best")
        axes.set_title(f"{name}, LSTM forward: MODEL, not measured (dark: throughput; light: waiting)", fontsize=9)
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
    handles = [patches.Patch(color=f"C{at}", label=regime.name) for at, regime in enumerate(REGIMES)]
    grid[0].legend(handles=handles, fontsize=7, ncols=len(REGIMES), loc="upper left")
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="has cuda-kernels.csv, gets cuda-model.*")
    folder = parser.parse_args().folder
    with (folder / "cuda-kernels.csv").open(newline="") as file:
        kernels = list(csv.DictReader(file))
    found = list(estimates(kernels))
    (folder / "cuda-model.md").write_text(document(found, plans()))
    save(found, folder / "cuda-model.csv")
    plot(found, folder / "cuda-model.png")


if __name__ == "__main__":
    main()
