"""fastlm's recurrent layers beside torch.nn's with the same parameters: the forward pass, and a whole training step."""

from itertools import product
from typing import NamedTuple

import pytest
import torch
from fastlm.bench import limits
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence

import fastlm


class Shape(NamedTuple):
    """A layer as wide as its input; by default one, one way, on sequences of one length."""

    steps: int
    batch: int
    hidden: int
    layers: int = 1
    bidirectional: bool = False
    packed: bool = False

    @property
    def variant(self):
        """What sets it apart from the plain layer; empty for that."""
        names = {f"{self.layers} layers": self.layers > 1, "bidirectional": self.bidirectional, "packed": self.packed}
        return " ".join(name for name, chosen in names.items() if chosen)

    @property
    def regime(self):
        """The shapes that it is summed up with."""
        return self.variant or f"T{self.steps}" + (f" B{self.batch}" if self.batch > 32 else "")

    def __str__(self):
        return "-".join([f"T{self.steps}-B{self.batch}-H{self.hidden}", *self.variant.replace(" ", "").split()])


HIDDEN = (64, 128, 256, 512, 1024)
VARIANTS = ({"layers": 2}, {"bidirectional": True}, {"packed": True})


def with_variants(shapes):
    return [Shape(*shape, **variant) for variant in VARIANTS for shape in shapes]


# The standard table, then a few of what is longer, larger or in another form.
SHAPES = [
    *(Shape(35, batch, hidden) for batch in (1, 8, 32, 64) for hidden in HIDDEN),
    *(Shape(steps, batch, hidden) for steps in (128, 512) for batch, hidden in ((1, 256), (8, 512), (32, 256))),
    *with_variants([(35, 8, 256), (35, 32, 512), (128, 32, 128)]),
]
QUICK_SHAPES = [
    *(Shape(35, 1, 128), Shape(35, 8, 256), Shape(35, 32, 512), Shape(128, 8, 128)),
    *with_variants([(35, 8, 128)]),
]
GRID = list(product((20, 35, 128, 512), (1, 8, 32, 64), HIDDEN))
FULL_SHAPES = [*(Shape(*shape) for shape in GRID), *with_variants(GRID)]

GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


def sequences(shape, training):
    """Input for a module, the tensor in it that holds the numbers, and the number of steps of the longest sequence."""
    if not shape.packed:
        x = torch.randn(shape.steps, shape.batch, shape.hidden, requires_grad=training)
        return x, x, shape.steps
    lengths = torch.randint(shape.steps // 4, shape.steps + 1, (shape.batch,))
    padded = torch.randn(shape.steps, shape.batch, shape.hidden)
    data, *order = pack_padded_sequence(padded, lengths, enforce_sorted=False)
    data.requires_grad_(training)
    return PackedSequence(data, *order), data, int(lengths.max())


@pytest.mark.parametrize("training", [False, True], ids=["forward", "train"])
@pytest.mark.parametrize("kind", GATES)
def bench_rnn(duel, machine, shape, kind, training):
    torch.manual_seed(0)
    arguments = {"num_layers": shape.layers, "bidirectional": shape.bidirectional}
    peer = getattr(torch.nn, kind)(shape.hidden, shape.hidden, **arguments)
    ours = getattr(fastlm, kind)(shape.hidden, shape.hidden, **arguments)
    ours.load_state_dict(peer.state_dict())
    directions = 2 if shape.bidirectional else 1
    input, x, steps = sequences(shape, training)
    rows = x.numel() // shape.hidden
    grad = torch.randn(*x.shape[:-1], directions * shape.hidden)

    def step(module):
        def forward():
            with torch.no_grad():
                module(input)

        def train():
            x.grad = None
            module.zero_grad()
            output = module(input)[0]
            (output[0] if shape.packed else output).backward(grad)

        return train if training else forward

    mode = "train" if training else "forward"
    work = limits.Recurrent(GATES[kind], shape.hidden, shape.layers, directions)
    duel(
        step(ours),
        step(peer),
        limits.rnn_seconds(machine, work, rows, steps, training),
        name=str(shape),
        regime=f"{kind} {mode}, {shape.regime}",
        facts={"kind": kind, "mode": mode, **shape._asdict(), "variant": shape.variant},
    )
