"""A quick run of every operator against its reference, on the machine where fastlm is installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fastlm import ops, reference


@dataclass(frozen=True)
class Outcome:
    """How far an operator is from its reference."""

    operator: str
    dtype: torch.dtype
    device: str
    error: float
    """Largest difference over the largest element expected; NaN where one has NaN."""
    limit: float
    """What rounding explains."""

    @property
    def ok(self) -> bool:
        """Whether the operator can be trusted."""
        return self.error <= self.limit


def run(device: str) -> Iterator[Outcome]:
    """Checks every operator on a device.

    >>> all(outcome.ok for outcome in run("cpu"))
    True
    """
    for cell in ops.rnn.cells():
        for dtype, limit in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
            forward, backward = _rnn(cell, dtype, device)
            yield Outcome(f"rnn_layer({cell})", dtype, device, forward, limit)
            yield Outcome(f"rnn_layer_backward({cell})", dtype, device, backward, limit)
        for dtype in (torch.float32, torch.bfloat16, torch.int8) if device == "cpu" else ():
            yield Outcome(f"rnn_stream({cell})", dtype, device, _stream(cell, dtype), 1e-5)
    for dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16):
        x, seed = torch.linspace(-2, 2, 1001).to(device, dtype), torch.tensor(1234567890123, device=device)
        yield Outcome("dropout", dtype, device, _error(ops.dropout(x, seed, 0.3), reference.dropout(x, seed, 0.3)), 0.0)
    for dtype, limit in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        forward, backward = _loss(dtype, device)
        yield Outcome("linear_cross_entropy", dtype, device, forward, limit)
        yield Outcome("linear_cross_entropy_backward", dtype, device, backward, limit)


def _rnn(cell: str, dtype: torch.dtype, device: str) -> tuple[float, float]:
    traits = ops.rnn.cell_traits(cell)
    generator = torch.Generator().manual_seed(1)
    steps, batch, hidden, directions = 12, 13, 37, 2

    def draw(*shape: int) -> Tensor:
        numbers = torch.randn(shape, generator=generator, dtype=torch.float64) * hidden**-0.5
        return numbers.to(device, dtype).requires_grad_()

    size = traits.gates * hidden
    recurrent = (size,) if traits.diagonal else (size, hidden)
    input, hx = draw(steps, batch, 9), [draw(directions, batch, hidden) for _ in range(traits.states)]
    shapes = ((size, 9), recurrent, (size,), (size,))
    w_ih, w_hh, b_ih, b_hh = ([draw(*shape) for _ in range(directions)] for shape in shapes)
    leaves = [input, *hx, *w_ih, *w_hh, *b_ih, *b_hh]
    results, gradients = [], []
    for layer in (ops.rnn_layer, reference.rnn_layer):
        output, hn, *_ = layer(input, hx, w_ih, w_hh, b_ih, b_hh, None, cell)
        results.append([output, *hn])
        gradients.append(torch.autograd.grad(results[-1], leaves, [torch.ones_like(y) for y in results[-1]]))
    return max(map(_error, *results)), max(map(_error, *gradients))


def _loss(dtype: torch.dtype, device: str) -> tuple[float, float]:
    generator = torch.Generator().manual_seed(1)
    shapes = (70, 37), (501, 37), (501,)
    input, weight, bias = leaves = [
        torch.randn(shape, generator=generator, dtype=torch.float64).to(device, dtype).requires_grad_()
        for shape in shapes
    ]
    target = torch.randint(501, (70,), generator=generator).to(device)
    losses = [
        ops.linear_cross_entropy(input, weight, target, bias, label_smoothing=0.1, z_loss=0.01),
        reference.cross_entropy_of_linear(input, weight, target, bias, -100, 0.1, 0.01, "mean"),
    ]
    gradients = [torch.autograd.grad(loss, leaves) for loss in losses]
    return _error(*losses), max(map(_error, *gradients))


def _stream(cell: str, weights: torch.dtype) -> float:
    traits = ops.rnn.cell_traits(cell)
    generator = torch.Generator().manual_seed(1)
    steps, layers, batch, hidden = 3, 2, 5, 37
    size = traits.gates * hidden

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator) * hidden**-0.5

    def weight(*shape: int) -> Tensor:
        return (draw(*shape) * (200 if weights == torch.int8 else 1)).to(weights)

    def scales(wanted: bool) -> list[Tensor]:
        return [draw(size).abs() / 40 for _ in range(layers) if wanted and weights == torch.int8]

    arguments: Any = (
        draw(steps, batch, 9),
        [draw(layers, batch, hidden) for _ in range(traits.states)],
        [weight(size, 9), weight(size, hidden)],
        [draw(size) if traits.diagonal else weight(size, hidden) for _ in range(layers)],
        *([draw(size) for _ in range(layers)] for _ in range(2)),
        scales(True),
        scales(not traits.diagonal),
        cell,
    )
    (output, hn), (want, want_hn) = ops.rnn_stream(*arguments), reference.rnn_stream(*arguments)
    return max(map(_error, (output, *hn), (want, *want_hn)))


def _error(got: Tensor, want: Tensor) -> float:
    return ((got.double() - want.double()).abs().max() / want.double().abs().max()).item()
