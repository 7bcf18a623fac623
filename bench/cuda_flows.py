"""How the data of a recurrence flow on a GPU: an entry for each way of running it, for bench/cuda_model.py.

A step is a product [batch, depth] x [depth, width] with U, and the cell behind it: forward [B, H] x [H, G H], backward
[B, G H] x [G H, H]. Between two steps the left-hand side must reach everyone who reads it: the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

WARP = 32
KEPT_REGISTERS = 48  # of a thread for U, where it lies in registers: what sums and cell leave of 128


class Device(NamedTuple):
    """A row of kDevices in csrc/cuda/occupancy.h."""

    name: str
    capability: int
    multiprocessors: int
    threads: int
    blocks: int
    registers: int
    shared_of_sm: int
    shared_of_block: int
    max_cluster: int
    l2_bytes: int
    clock_ghz: float
    l2_gb_s: float
    dram_gb_s: float
    fp32_tflops: float
    tf32_tflops: float
    half_tflops: float


class Cell(NamedTuple):
    """Numbers of a hidden unit at a step."""

    template: str
    """As in the names of kernels."""
    gates: int
    written: int
    """The states, and what is saved for the way back."""


CELLS = {"RNN": Cell("Elman<Tanh>", 1, 1), "LSTM": Cell("Lstm", 4, 6), "GRU": Cell("Gru", 3, 5)}


class Work(NamedTuple):
    """One direction of one layer, over whole sequences of one length."""

    cell: str
    steps: int
    batch: int
    hidden: int
    number: str = "float"
    """float, or __nv_bfloat16: as in the names of kernels. Sums are in float."""
    backward: bool = False

    @property
    def gates(self) -> int:
        """Pre-activations of a unit."""
        return CELLS[self.cell].gates

    @property
    def bytes(self) -> int:
        """Of a number."""
        return 4 if self.number == "float" else 2

    @property
    def weights(self) -> int:
        """Bytes of U."""
        return self.gates * self.hidden**2 * self.bytes

    @property
    def depth(self) -> int:
        """Numbers of a sequence that a step needs of the step before."""
        return self.hidden * (self.gates if self.backward else 1)

    @property
    def flops(self) -> int:
        """Of the products of a step."""
        return 2 * self.batch * self.gates * self.hidden**2

    @property
    def streamed(self) -> int:
        """Bytes of a step from and to memory: gates, what is saved, and on the way back the output's gradient."""
        cell = CELLS[self.cell]
        return self.batch * self.hidden * self.bytes * (cell.gates + cell.written + self.backward)

    def __str__(self) -> str:
        number = {"float": "float32", "__nv_bfloat16": "bfloat16"}[self.number]
        return f"{self.cell} T{self.steps}-B{self.batch}-H{self.hidden} {number}{' backward' if self.backward else ''}"


@dataclass(frozen=True)
class Flow:
    """What a step takes, of all blocks together where it says nothing else."""

    blocks: int
    threads: int
    """Of a block."""
    block_bytes: int
    """Of shared memory, of a block."""
    unit: str
    """What multiplies: fp32, tf32 or half."""
    flops: int
    shared: int
    """Bytes read from shared memory."""
    l2: int
    """Bytes read from L2."""
    dram: int
    waits: dict[str, int] = field(default_factory=dict)
    """What one waits for one after the other, named as in bench/cuda_model.py."""
    network: int = 0
    """Bytes written to the shared memory of other blocks."""
    barriers: str = ""


def divide_up(number: int, by: int) -> int:
    """Rounded up."""
    return -(-number // by)


def rows_of_block(work: Work, groups: int, most: int) -> int:
    """Sequences of one of so many groups of blocks, a power of two."""
    rows = 1
    while rows < most and divide_up(work.batch, rows) > groups:
        rows *= 2
    return rows


CELL_WAITS = {"activation": 1}
LANES_WAITS = {"shared load": 1, "shuffle": 2} | CELL_WAITS


def block(work: Work, device: Device) -> Iterator[Flow]:
    """U in one SM, its registers first."""
    threads = divide_up(4 * work.hidden, WARP) * WARP  # four lanes share the depth of a unit
    rows = rows_of_block(work, device.multiprocessors, 8)
    blocks = divide_up(work.batch, rows)
    in_shared = max(0, work.weights - 4 * KEPT_REGISTERS * threads)
    block_bytes = in_shared + 2 * rows * work.depth * 4
    read = in_shared + threads // WARP * rows * work.depth * 4  # a warp reads the whole left-hand side
    waits = {"block barrier": 1} | LANES_WAITS
    if threads <= 512 and block_bytes <= device.shared_of_block:
        yield Flow(
            *(blocks, threads, block_bytes, "fp32", work.flops),
            *(blocks * read, 0, work.streamed, waits),
            barriers="1 block",
        )


def spread(work: Work, device: Device, size: int, waits: dict[str, int], barriers: str, by_l2: bool) -> Iterator[Flow]:
    """Groups of `size` blocks of 512 threads, each with its sequences: U spread over the blocks of a group."""
    groups = min(device.multiprocessors // size, work.batch)
    rows, blocks, abreast = divide_up(work.batch, groups), groups * size, 4  # more sequences are taken in turn
    in_shared = max(0, divide_up(work.weights, size) - 4 * KEPT_REGISTERS * 512)
    block_bytes = in_shared + 2 * abreast * work.depth * 4
    read = in_shared * divide_up(rows, abreast) + 512 // WARP * rows * work.depth * 4
    exchanged = groups * rows * work.depth * 4
    if size <= work.hidden and block_bytes <= device.shared_of_block:
        yield Flow(
            *(blocks, 512, block_bytes, "fp32", work.flops, blocks * read),
            exchanged * (size + 1) if by_l2 else 0,  # written once, and read by every block of the group
            *(work.streamed, waits | LANES_WAITS),
            0 if by_l2 else exchanged * (size - 1),
            barriers,
        )


def cluster(work: Work, device: Device) -> Iterator[Flow]:
    """U over the SMs of a cluster, exchange through distributed shared memory."""
    waits = {"fence": 1, "other SM": 2}  # what was written is there; then that everyone has arrived
    for size in (2, 4, 8, 16):
        if size <= device.max_cluster:
            yield from spread(work, device, size, waits, f"1 cluster of {size}", by_l2=False)


def grid(work: Work, device: Device) -> Iterator[Flow]:
    """U over as many SMs as are wanted, exchange through L2."""
    waits = {"fence": 1, "L2 one way": 1, "L2 load": 2, "block barrier": 2}  # written, signalled, polled, read
    for size in (2, 3, 4, 6, 8, 12, 16, 22, 27, 33, 44, 54, 66, device.multiprocessors):
        yield from spread(work, device, size, waits, f"1 grid of {size}, 2 block", by_l2=True)


def step(work: Work, device: Device) -> Iterator[Flow]:
    """A launch a step on tensor cores: U from L2, or from memory where it is larger."""
    rows, units = (16 if work.batch <= 32 else 64), 8
    row_blocks, unit_blocks = divide_up(work.batch, rows), divide_up(work.hidden, units)
    blocks = row_blocks * unit_blocks
    padded = work.flops * row_blocks * rows // work.batch
    read = row_blocks * work.weights + blocks * rows * work.depth * work.bytes
    from_dram = work.weights if work.weights > device.l2_bytes else 0
    width = work.gates * units if not work.backward else units
    parts = 8 * rows * width * 4  # of the eight warps that share the depth
    yield Flow(
        *(blocks, 256, parts, "tf32" if work.number == "float" else "half", padded),
        *(2 * blocks * parts, read, work.streamed + from_dram),
        {"launch": 1, "L2 load": 2, "block barrier": 1, "shared load": 1} | CELL_WAITS,
        barriers="1 launch, 1 block",
    )


def step_exact(work: Work, device: Device) -> Iterator[Flow]:
    """A launch a step without tensor cores, as float32 needs that is not to be rounded: a lane a unit."""
    if work.number != "float":
        return
    rows, units = (4 if work.batch <= 4 else 8), 32
    row_blocks, unit_blocks = divide_up(work.batch, rows), divide_up(work.hidden, units)
    blocks = row_blocks * unit_blocks
    read = row_blocks * work.weights + blocks * rows * work.depth * work.bytes
    parts = 8 * rows * units * (1 if work.backward else work.gates) * 4
    from_dram = work.weights if work.weights > device.l2_bytes else 0
    yield Flow(
        *(blocks, 256, parts + 256 * rows * 4, "fp32", work.flops * row_blocks * rows // work.batch),
        *(2 * blocks * parts + blocks * 8 * rows * work.depth * 4, read, work.streamed + from_dram),
        {"launch": 1, "L2 load": 2, "block barrier": 3, "shared load": 1} | CELL_WAITS,
        barriers="1 launch, 3 block",
    )


class Regime(NamedTuple):
    """A way of running a recurrence."""

    name: str
    kernel: str
    """Regular expression for their names in docs/cuda-kernels.csv; {direction}, {cell} and {number} are filled in."""
    registers: int
    """Of a thread, where no such kernel is in the table yet: what its launch bounds will allow."""
    flows: Callable[[Work, Device], Iterator[Flow]]
    """The ways in which it can be laid out; none where the work does not fit."""


REGIMES = [
    Regime("block", r"^persistent_{direction}_kernel<{cell}, {number}\b", 128, block),
    Regime("cluster", r"^persistent_{direction}_kernel<{cell}, {number}\b", 128, cluster),
    Regime("grid", r"^persistent_{direction}_kernel<{cell}, {number}\b", 128, grid),
    Regime("step, tensor cores", r"^step_{direction}_kernel<{cell}, {number}, \d+, true>", 128, step),
    Regime("step, exact", r"^step_{direction}_kernel<{cell}, {number}, \d+, false>", 128, step_exact),
]
