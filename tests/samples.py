"""The sample tables: one list of inputs for each operator, which feeds every family of tests."""

from dataclasses import dataclass, replace

import torch
from torch.nn.utils.rnn import pack_sequence

from fastlm import ops


@dataclass(frozen=True)
class RnnSample:
    """Arguments of ``fastlm::rnn_layer`` by their sizes."""

    cell: str
    steps: int = 3
    batch: int = 2
    inputs: int = 2
    hidden: int = 3
    directions: int = 1
    bias: bool = True
    hx: bool = True
    lengths: tuple[int, ...] | None = None
    """Of a packed batch, in any order; replaces steps and batch."""
    projection: int = 0
    norm: bool = False
    mask: bool = False
    zoneout: tuple[float, float] = (0.0, 0.0)
    random: bool = True
    clip: float | None = None
    all_states: bool = False

    def __str__(self):
        layout = f"packed{self.lengths}" if self.lengths else f"T{self.steps}-B{self.batch}"
        flags = "".join(("-2way" * (self.directions == 2), "-nobias" * (not self.bias), "-h0" * (not self.hx)))
        flags += f"-P{self.projection}" * bool(self.projection) + "-norm" * self.norm + "-mask" * self.mask
        if any(self.zoneout):
            flags += "-zoneout" + "-mean" * (not self.random) + "-{}-{}".format(*self.zoneout)
        flags += f"-clip{self.clip}" * bool(self.clip) + "-states" * self.all_states
        return f"{self.cell}-{layout}-I{self.inputs}-H{self.hidden}{flags}"

    def make(self, dtype=torch.float64, device="cpu", requires_grad=True):
        """The tensors: (input, hx, w_ih, w_hh, b_ih, b_hh, batch_sizes, cell)."""
        traits = ops.rnn.cell_traits(self.cell)
        gate_size = traits.gates * self.hidden
        scale = self.hidden**-0.5

        def draw(*shape):
            return (torch.randn(shape, dtype=torch.float64) * scale).to(device, dtype).requires_grad_(requires_grad)

        if self.lengths:
            packed = pack_sequence([torch.empty(n) for n in self.lengths], enforce_sorted=False)
            batch_sizes, batch = packed.batch_sizes, len(self.lengths)
            input = draw(sum(self.lengths), self.inputs)
        else:
            batch_sizes, batch = None, self.batch
            input = draw(self.steps, self.batch, self.inputs)
        outputs = self.projection or self.hidden
        recurrent = (gate_size,) if traits.diagonal else (gate_size, outputs)
        each = range(self.directions)
        return (
            input,
            [draw(self.directions, batch, outputs if s == 0 else self.hidden) for s in range(traits.states) if self.hx],
            [draw(gate_size, self.inputs) for _ in each],
            [draw(*recurrent) for _ in each],
            [draw(gate_size) for _ in each] if self.bias else [],
            [draw(gate_size) for _ in each] if self.bias else [],
            batch_sizes,
            self.cell,
        )

    def make_options(self, dtype=torch.float64, device="cpu", requires_grad=True):
        """The arguments behind the cell, by name."""
        each = range(self.directions)
        batch, outputs = len(self.lengths or range(self.batch)), self.projection or self.hidden

        def draw(mean, *shape):
            tensor = mean + torch.randn(shape, dtype=torch.float64) * 0.3
            return tensor.to(device, dtype).requires_grad_(requires_grad)

        gains = ops.rnn.cell_traits(self.cell).gain_count(self.hidden)
        mask = torch.randint(0, 2, (self.directions, batch, outputs), device=device).to(dtype) * 2
        seed = torch.tensor(20241123, device=device) if any(self.zoneout) and self.random else None
        return {
            "w_hr": [draw(0, self.projection, self.hidden) for _ in each if self.projection],
            "gains": [draw(1, gains) for _ in each if self.norm],
            "h_mask": mask if self.mask else None,
            "zoneout_seed": seed,
            "zoneout_h": self.zoneout[0],
            "zoneout_c": self.zoneout[1],
            "bptt_clip": self.clip,
            "all_states": self.all_states,
        }


def rnn_samples():
    """Small shapes for every cell: each option alone, and the edges of the kernels' tiles."""
    table = []
    for cell in ops.rnn.cells():
        base = RnnSample(cell)
        table += [
            base,
            replace(base, directions=2),
            replace(base, bias=False, hx=False),
            replace(base, steps=1),
            replace(base, batch=1, directions=2),
            replace(base, batch=13, hidden=5),
            replace(base, hidden=1, inputs=1),
            replace(base, lengths=(2, 4, 1), directions=2),
            replace(base, lengths=(3, 3), hx=False),
        ]
    return table


def option_samples(sizes=None):
    """Every option alone, some together, for every cell that can have it."""
    table = []
    for cell in ops.rnn.cells():
        traits = ops.rnn.cell_traits(cell)
        base = RnnSample(cell, **sizes or {})
        zoneout = (0.4, 0.3 * (traits.states > 1))
        packed = {"lengths": (2, 4, 1), "directions": 2}
        table += [
            replace(base, mask=True),
            replace(base, mask=True, zoneout=zoneout, **packed),
            replace(base, zoneout=zoneout),
            replace(base, zoneout=zoneout, random=False, directions=2),
        ]
        if traits.states > 1:
            table += [replace(base, zoneout=(0.0, 0.5)), replace(base, all_states=True, **packed)]
        if not traits.diagonal:
            table += [
                replace(base, norm=True, directions=2),
                replace(base, norm=True, bias=False, hx=False),
                replace(base, norm=True, mask=True, zoneout=zoneout, **packed),
            ]
        if traits.output_apart:
            table += [
                replace(base, projection=2),
                replace(base, projection=5, hx=False, bias=False, **packed),
                replace(base, projection=2, norm=True, mask=True, zoneout=zoneout, all_states=True, **packed),
            ]
    return table


def larger_rnn_samples():
    """Shapes with whole panels and tails; too large for gradcheck."""
    table = []
    for cell in ops.rnn.cells():
        for hidden, batch in ((17, 7), (32, 12), (64, 1), (257, 5)):
            table.append(RnnSample(cell, steps=6, batch=batch, inputs=9, hidden=hidden))
        table.append(RnnSample(cell, lengths=(9, 1, 5, 5, 2, 8, 9), inputs=4, hidden=33, directions=2))
    return table


def dropout_samples():
    """Shapes, strides and dtypes of inputs of ``fastlm::dropout``."""
    yield "scalar", torch.randn(())
    yield "one", torch.randn(1)
    yield "odd", torch.randn(3, 7, 5)
    yield "blocks", torch.randn(1024)
    yield "transposed", torch.randn(9, 31).T
    yield "strided", torch.randn(50, 3)[::3]
    yield "expanded", torch.randn(5, 1).expand(5, 40)
    for dtype in (torch.float64, torch.float16, torch.bfloat16):
        yield str(dtype), torch.randn(129).to(dtype)


@dataclass(frozen=True)
class StreamSample:
    """Arguments of ``fastlm::rnn_stream`` by their sizes. ``steps`` 0: one step, without the dimension of time."""

    cell: str
    weights: torch.dtype = torch.float32
    steps: int = 1
    batch: int | None = 1
    """None: without a batch, which has one step."""
    inputs: int = 5
    hidden: int = 7
    layers: int = 1
    bias: bool = True
    hx: bool = True

    def __str__(self):
        sizes = f"T{self.steps}-B{self.batch}-I{self.inputs}-H{self.hidden}-L{self.layers}"
        flags = "".join(("-nobias" * (not self.bias), "-h0" * (not self.hx)))
        return f"{self.cell}-{str(self.weights).removeprefix('torch.')}-{sizes}{flags}"

    def make(self):
        """The tensors: (input, hx, w_ih, w_hh, b_ih, b_hh, scale_ih, scale_hh, cell)."""
        traits = ops.rnn.cell_traits(self.cell)
        size, each = traits.gates * self.hidden, range(self.layers)
        batch = () if self.batch is None else (self.batch,)

        def draw(*shape):
            return torch.randn(shape) * self.hidden**-0.5

        def weight(*shape):
            if self.weights == torch.int8:
                return torch.randint(-127, 128, shape, dtype=torch.int8)
            return draw(*shape).to(self.weights)

        def scales(wanted):
            return [torch.rand(size) * self.hidden**-0.5 / 60 for _ in each if wanted and self.weights == torch.int8]

        return (
            draw(*(self.steps,) * (self.steps > 0), *batch, self.inputs),
            [draw(self.layers, *batch, self.hidden) for _ in range(traits.states)] if self.hx else [],
            [weight(size, self.hidden if layer else self.inputs) for layer in each],
            [draw(size) if traits.diagonal else weight(size, self.hidden) for _ in each],
            [draw(size) for _ in each] if self.bias else [],
            [draw(size) for _ in each] if self.bias else [],
            scales(True),
            scales(not traits.diagonal),
            self.cell,
        )


def stream_samples():
    """Every cell with every type of weights: each option alone, and the edges of vectors and chunks."""
    table = []
    for cell in ops.rnn.cells():
        for weights in (torch.float32, torch.bfloat16, torch.int8):
            base = StreamSample(cell, weights)
            table += [
                base,
                replace(base, steps=0, batch=None),
                replace(base, steps=0, batch=3, layers=3),
                replace(base, steps=4, batch=2, layers=2),
                replace(base, bias=False, hx=False, steps=2, layers=2),
                replace(base, hidden=1, inputs=1),
                replace(base, steps=3, batch=9, inputs=33, hidden=65, layers=2),
                replace(base, steps=70, batch=1, inputs=16, hidden=32, layers=2),  # more than a chunk
                replace(base, steps=0, batch=1, inputs=300, hidden=290),  # two threads
            ]
    return table
