"""fastlm.RNN beside torch.nn.RNN with the same parameters: the forward pass, and a whole training step."""

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


@pytest.mark.parametrize("nonlinearity", ["tanh", "relu"])
@pytest.mark.parametrize("training", [False, True], ids=["forward", "train"])
def bench_rnn(duel, machine, shape, nonlinearity, training):
    torch.manual_seed(0)
    peer = torch.nn.RNN(shape.hidden, shape.hidden, nonlinearity=nonlinearity)
    ours = fastlm.RNN(shape.hidden, shape.hidden, nonlinearity=nonlinearity)
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

    duel(step(ours), step(peer), limits.rnn_seconds(machine, *shape, gates=1, training=training))
