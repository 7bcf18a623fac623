"""Training by truncated backpropagation through time."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fastlm.lm.contract import detached
from fastlm.lm.data import IGNORED, chunks


@dataclass(frozen=True)
class Step:
    """Where a training run stands after a step."""

    number: int
    """Steps done, this one included."""
    epoch: int
    tokens: int
    """Targets learned from so far."""
    seconds: float
    """Since the start."""
    loss: float
    """Cross-entropy of this step, in nats a token."""
    grad_norm: float
    """Norm of the gradient before clipping."""


def train(
    model: nn.Module,
    input: Tensor,
    target: Tensor,
    optimizer: torch.optim.Optimizer,
    *,
    bptt: int = 35,
    clip: float = 0.25,
    seconds: float = math.inf,
    epochs: int | None = None,
) -> Iterator[Step]:
    """Trains with teacher forcing, and yields after every step; stop reading to stop training.

    The state is carried from one chunk to the next, but gradients stop at its edge (Williams & Peng 1990). Gradients
    whose norm exceeds ``clip`` are scaled down to it (Pascanu et al. 2013).

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``, as :class:`fastlm.lm.RecurrentLM` does.
        input: [T, B] int64, from :func:`fastlm.lm.columns`.
        target: [T, B] int64.
        optimizer: any of torch's.
        bptt: steps of a chunk.
        clip: largest norm of the gradient.
        seconds: stop after this time.
        epochs: stop after so many passes; None: only time stops it.

    Raises:
        FloatingPointError: the loss is not finite; says at which step.

    Example:
        >>> from fastlm.lm import RecurrentLM, columns
        >>> model = RecurrentLM(vocab_size=4, hidden_size=8)
        >>> optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        >>> text = columns(torch.arange(400) % 4, batch_size=4, start=3)
        >>> steps = list(train(model, *text, optimizer, bptt=10, epochs=3))
        >>> steps[-1].loss < steps[0].loss
        True
    """
    start, number, tokens, epoch = time.perf_counter(), 0, 0, 0
    model.train()
    while epochs is None or epoch < epochs:
        state = None
        for x, y in chunks(input, target, bptt):
            logits, state = model(x, detached(state))
            loss = cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED)
            optimizer.zero_grad()
            loss.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), clip)
            number += 1
            value = loss.item()
            if not math.isfinite(value):
                raise FloatingPointError(f"the loss is {value} at step {number}; lower the learning rate or clip")
            optimizer.step()
            tokens += int((y != IGNORED).sum())
            yield Step(number, epoch, tokens, time.perf_counter() - start, value, norm.item())
            if time.perf_counter() - start >= seconds:
                return
        epoch += 1
