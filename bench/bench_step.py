"""A whole training step of language models beside the same model in plain PyTorch, at the shapes of Penn Treebank."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import fastlm
from fastlm import lm

STEPS, COLUMNS, CLIP = 35, 20, 0.25
CURVE = 200
"""Steps whose losses are compared."""


class Shape(NamedTuple):
    cell: str
    layers: int
    hidden: int
    words: int = 10_000
    cutoffs: tuple[int, ...] | None = None

    def __str__(self):
        kind = "-adaptive" if self.cutoffs else ""
        return f"{self.cell}-{self.layers}x{self.hidden}-V{self.words}{kind}"


SHAPES = [Shape("rnn_tanh", 1, 200), Shape("lstm", 2, 200), Shape("lstm", 2, 650)]
SHAPES += [Shape("lstm", 2, 200, 50_000, (2_000, 10_000))]
QUICK_SHAPES = [Shape("rnn_tanh", 1, 200)]


class Plain(nn.Module):
    """As one writes it with torch.nn alone."""

    def __init__(self, shape: Shape, adaptive: bool) -> None:
        super().__init__()
        layer = {"rnn_tanh": nn.RNN, "lstm": nn.LSTM}[shape.cell]
        self.embedding = nn.Embedding(shape.words, shape.hidden)
        self.rnn = layer(shape.hidden, shape.hidden, shape.layers)
        self.decoder: nn.Module
        if adaptive:
            self.decoder = nn.AdaptiveLogSoftmaxWithLoss(shape.hidden, shape.words, shape.cutoffs, head_bias=True)
        else:
            self.decoder = nn.Linear(shape.hidden, shape.words)

    def loss(self, x, y, state):
        """The mean over the targets, and the next state."""
        hidden, state = self.rnn(self.embedding(x), state)
        if isinstance(self.decoder, nn.Linear):
            return cross_entropy(self.decoder(hidden).flatten(0, 1), y.flatten()), state
        return self.decoder(hidden.flatten(0, 1), y.flatten()).loss, state


class Training:
    """A model, its optimiser and its place in the text."""

    def __init__(self, model: nn.Module, text) -> None:
        self.model, self.text, self.state, self.losses = model.train(), text, None, []
        if isinstance(model, Plain):
            self.optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        else:
            model.embedding.sparse = True  # as lm.Trainer has it for plain SGD
            self.optimizer = fastlm.optim.SGD(model.parameters(), lr=1.0, max_norm=CLIP)

    def step(self):
        """The next chunk of the text."""
        x, y = self.text[len(self.losses) % len(self.text)]
        loss, state = self.model.loss(x, y, self.state)
        self.optimizer.zero_grad()
        loss.backward()
        if isinstance(self.model, Plain):
            nn.utils.clip_grad_norm_(self.model.parameters(), CLIP)
        self.optimizer.step()
        self.state = lm.detached(state)
        self.losses.append(loss.item())


def made_up(shape):
    """Words by Zipf's law, each often the same function of the one before: there is something to learn."""
    torch.manual_seed(0)
    text = (torch.rand(CURVE * STEPS + 1, COLUMNS) * torch.tensor(shape.words).log()).exp().long()
    follows = torch.rand(len(text), COLUMNS) < 0.5
    for t in range(1, len(text)):
        text[t] = torch.where(follows[t], text[t - 1] * 7 % shape.words, text[t])
    text.clamp_(max=shape.words - 1)
    return [(text[t : t + STEPS], text[t + 1 : t + STEPS + 1]) for t in range(0, CURVE * STEPS, STEPS)]


def bench_step(duel, note, request, shape):
    """With the curves of the losses: the note says how far they are apart."""
    curve = 20 if request.config.option.extent == "QUICK" else CURVE
    text = made_up(shape)
    torch.manual_seed(1)
    model = lm.RecurrentLM(shape.words, shape.hidden, shape.layers, cell=shape.cell, cutoffs=shape.cutoffs)
    same = Plain(shape, adaptive=bool(shape.cutoffs))
    same.load_state_dict(model.state_dict())
    ours, plain = Training(model, text), Training(same, text)
    full = Training(Plain(shape, adaptive=False), text) if shape.cutoffs else None
    regime = "training step with adaptive softmax" if shape.cutoffs else "training step"
    duel(ours.step, plain.step, plain=full and full.step, regime=regime)
    for side in (ours, plain):
        while len(side.losses) < curve:
            side.step()
    apart = max(abs(a / b - 1) for a, b in zip(ours.losses[:curve], plain.losses[:curve], strict=True))
    note(
        f"{shape}: over {curve} steps the losses, {ours.losses[0]:.4f} to {ours.losses[curve - 1]:.4f}, are apart by "
        f"{apart:.1e} at most"
    )
