"""A text as columns for truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

IGNORED = -100
"""Target of the positions that are there only to fill the last column; ``F.cross_entropy`` skips it."""


def columns(ids: Tensor, batch_size: int, start: int) -> tuple[Tensor, Tensor]:
    """Cuts a text into columns that are read side by side, and shifts it by one for the inputs.

    Every token of the text is a target exactly once, so a perplexity over all targets is one over the whole text. The
    input of the first token of each column is ``start``.

    Args:
        ids: [N] int64, a text.
        batch_size: columns.
        start: what stands before the text, usually ``</s>``.

    Returns:
        ``(input, target)``, both [ceil(N / batch_size), batch_size].

    Raises:
        ValueError: the text is shorter than ``batch_size``.

    Example:
        >>> input, target = columns(torch.tensor([5, 6, 7, 8, 9]), batch_size=2, start=1)
        >>> input.T, target.T
        (tensor([[1, 5, 6],
                [1, 8, 9]]),
         tensor([[   5,    6,    7],
                [   8,    9, -100]]))
    """
    if len(ids) < batch_size:
        raise ValueError(f"expected a text of at least batch_size = {batch_size} tokens, got {len(ids)}")
    steps = -(-len(ids) // batch_size)
    target = torch.full((batch_size * steps,), IGNORED)
    target[: len(ids)] = ids
    target = target.view(batch_size, steps).T.contiguous()
    first = torch.full((1, batch_size), start)
    return torch.cat([first, target[:-1].where(target[:-1] != IGNORED, start)]), target


def chunks(input: Tensor, target: Tensor, bptt: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces of ``bptt`` steps, the last one shorter: what one gradient step looks at.

    >>> [len(x) for x, _ in chunks(*columns(torch.arange(10), 2, 0), bptt=2)]
    [2, 2, 1]
    """
    if bptt < 1:
        raise ValueError(f"bptt must be at least 1, got {bptt}")
    yield from zip(input.split(bptt), target.split(bptt), strict=True)
