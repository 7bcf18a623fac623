"""fastlm's recurrent layers beside torch.nn's with the same parameters: the forward pass, and a whole training step."""

from typing import NamedTuple

import pytest
import torch
from fastlm.bench import limits

import fastlm


class Shape(NamedTuple):
    steps: int
    batch: int
    hidden: int

    def __str__(self):
        return f"T{self.steps}-B{self.batch}-H{self.hidden}"


SHAPES = [Shape(35, batch, hidden) for batch in (1, 8, 32) for hidden in (64, 128, 256, 512, 1024)]
QUICK_SHAPES = [Shape(35, 1, 128), Shape(35, 8, 256), Shape(35, 32, 512)]


GATES = {"RNN": 1, "LSTM": 4, "GRU": 3}


@pytest.mark.parametrize("training", [False, True], ids=["forward", "train"])
@pytest.mark.parametrize("kind", GATES)
def bench_rnn(duel, machine, shape, kind, training):
    torch.manual_seed(0)
    peer = getattr(torch.nn, kind)(shape.hidden, shape.hidden)
    ours = getattr(fastlm, kind)(shape.hidden, shape.hidden)
    ours.load_state_dict(peer.state_dict())
    x = torch.randn(shape.steps, shape.batch, shape.hidden, requires_grad=training)
    grad = torch.randn_like(x)

    def step(module):
        def forward():
            with torch.no_grad():
                module(x)

        def train():
            x.grad = None
            module.zero_grad()
            module(x)[0].backward(grad)

        return train if training else forward

    duel(step(ours), step(peer), limits.rnn_seconds(machine, *shape, GATES[kind], training))
