"""Training by truncated backpropagation through time: one step, and the plain loop around it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fastlm.lm.contract import LanguageModel, State, detached
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
    whose norm exceeds ``clip`` are scaled down to it (Pascanu et al. 2013). :class:`fastlm.lm.Trainer` does more:
    schedules, validation, checkpoints.

    Args:
        model: one of :mod:`fastlm.lm`, or any that gives ``(logits, state)`` for ``(input, state)``.
        input: [T, B] int64, from :func:`fastlm.lm.columns`.
        target: [T, B] int64.
        optimizer: any of torch's.
        bptt: steps of a chunk.
        clip: largest norm of the gradient.
        seconds: stop after this time.
        epochs: stop after so many passes; None: only time stops it.

    Raises:
        FloatingPointError: the loss or the gradient is not finite; says at which step.

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
    parameters = list(model.parameters())
    model.train()
    while epochs is None or epoch < epochs:
        state = None
        for x, y in chunks(input, target, bptt):
            loss, state = backward(model, x, y, state, parameters)
            number += 1
            norm = update(optimizer, parameters, loss, clip, number)
            tokens += int((y != IGNORED).sum())
            yield Step(number, epoch, tokens, time.perf_counter() - start, loss, norm)
            if time.perf_counter() - start >= seconds:
                return
        epoch += 1


def backward(
    model: nn.Module, x: Tensor, y: Tensor, state: State, parameters: Sequence[Tensor], scale: float = 1.0
) -> tuple[float, State]:
    """Gradients of a chunk's objective, times ``scale``; returns the loss and the next state."""
    for parameter in parameters:
        parameter.grad = None
    objective, loss, state = _objective(model, x, y, state)
    (objective if scale == 1 else objective * scale).backward()
    return loss.item(), detached(state)


def update(
    optimizer: torch.optim.Optimizer,
    parameters: Sequence[Tensor],
    loss: float,
    clip: float | None,
    number: int,
) -> float:
    """Clips the gradients and takes the step; returns their norm before.

    Args:
        optimizer: one of :mod:`fastlm.optim` whose ``max_norm`` is ``clip`` does both at once.
        parameters: that have the gradients.
        loss: of which they are.
        clip: largest norm; None: any.
        number: of the step.

    Raises:
        FloatingPointError: the loss or the gradient is not finite.
    """
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {number}; lower the learning rate or clip")
    if fused := clip is not None and getattr(optimizer, "max_norm", None) == clip:
        optimizer.step()
        norm = optimizer.norm  # type: ignore[attr-defined]
    else:
        norm = nn.utils.get_total_norm([parameter.grad for parameter in parameters if parameter.grad is not None])
    if not torch.isfinite(norm):
        raise FloatingPointError(
            f"the gradient's norm is {norm.item()} at step {number}; lower the learning rate or bptt"
        )
    if not fused:
        if clip is not None:
            nn.utils.clip_grads_with_norm_(parameters, clip, norm)
        optimizer.step()
    return norm.item()


def _objective(model: nn.Module, x: Tensor, y: Tensor, state: State) -> tuple[Tensor, Tensor, Any]:
    """Through ``forward``, which is all that a wrapper such as DistributedDataParallel sees."""
    if isinstance(getattr(model, "module", model), LanguageModel):
        return model(x, state, y)
    logits, state = model(x, state)
    loss = cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED)
    return loss, loss, state
