"""A text as columns for truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

IGNORED = -100
"""Target of the positions that are there only to fill the last column; ``F.cross_entropy`` skips it."""


class Columns:
    """A text cut into columns that are read side by side, a piece at a time: of a mapped file, only pieces are read.

    Every token of the text is a target exactly once, so a perplexity over all targets is one over the whole text. The
    input of the first token of each column is ``start``.

    Args:
        ids: [N] of any integers, a tensor or an array, which may be a ``numpy.memmap``.
        batch_size: columns.
        start: what stands before the text, usually ``</s>``.
        rank: with ``world``: of the columns only each ``world``-th, from this one on; for one process of several.
        world: processes.

    Raises:
        ValueError: the text is shorter than ``batch_size``, or processes would have unequal shares.

    Example:
        >>> text = Columns(torch.tensor([5, 6, 7, 8, 9]), batch_size=2, start=1)
        >>> len(text), text.piece(0, 2)[1].T
        (3, tensor([[5, 6],
                [8, 9]]))
    """

    def __init__(self, ids: Any, batch_size: int, start: int, *, rank: int = 0, world: int = 1) -> None:
        if len(ids) < batch_size:
            raise ValueError(f"expected a text of at least batch_size = {batch_size} tokens, got {len(ids)}")
        if batch_size % world:
            raise ValueError(f"expected a batch size that is a multiple of the {world} processes, got {batch_size}")
        self.ids = ids.cpu().numpy() if isinstance(ids, Tensor) else ids
        self.batch_size = batch_size
        self.start = start
        self._steps = -(-len(ids) // batch_size)
        self._mine = range(rank, batch_size, world)

    def __len__(self) -> int:
        """Steps of each column."""
        return self._steps

    def piece(self, first: int, steps: int) -> tuple[Tensor, Tensor]:
        """Steps from ``first`` on, as ``(input, target)``, both int64 [steps, columns]; fewer at the end."""
        steps = min(steps, self._steps - first)
        words = np.full((steps + 1, len(self._mine)), IGNORED, dtype=np.int64)  # from the one before on
        for place, column in enumerate(self._mine):
            begin = column * self._steps
            inside = self.ids[begin + max(first - 1, 0) : min(begin + first + steps, begin + self._steps)]
            skipped = int(first == 0)
            words[skipped : skipped + len(inside), place] = inside
        input = words[:-1]
        return torch.from_numpy(np.where(input == IGNORED, self.start, input)), torch.from_numpy(words[1:])

    def count(self, first: int, steps: int) -> int:
        """How many tokens are targets in a piece, over the columns of all processes."""
        steps = min(steps, self._steps - first)
        missing = self.batch_size * self._steps - len(self.ids)  # at the end of the last columns
        gone = 0
        column = self.batch_size - 1
        while missing > 0:
            end = self._steps - min(missing, self._steps)
            gone += max(0, first + steps - max(first, end))
            missing -= self._steps
            column -= 1
        return self.batch_size * steps - gone


def columns(ids: Tensor, batch_size: int, start: int) -> tuple[Tensor, Tensor]:
    """All of :class:`Columns` at once.

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
    text = Columns(ids, batch_size, start)
    return text.piece(0, len(text))


def chunks(input: Tensor, target: Tensor, bptt: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Pieces of ``bptt`` steps, the last one shorter: what one gradient step looks at.

    >>> [len(x) for x, _ in chunks(*columns(torch.arange(10), 2, 0), bptt=2)]
    [2, 2, 1]
    """
    if bptt < 1:
        raise ValueError(f"bptt must be at least 1, got {bptt}")
    yield from zip(input.split(bptt), target.split(bptt), strict=True)


def chunk_lengths(steps: int, bptt: int, *, variable: bool = False, seed: int = 0) -> list[int]:
    """How a text of so many steps is cut into chunks.

    Args:
        steps: of the text.
        bptt: of a chunk; the last one is shorter.
        variable: lengths are drawn from normal(bptt, 5), one in twenty from normal(bptt / 2, 5), at least 5.
        seed: of the draws.

    Source: Merity et al. (2018), "Regularizing and optimizing LSTM language models".

    >>> chunk_lengths(10, 4), sum(chunk_lengths(1000, 70, variable=True))
    ([4, 4, 2], 1000)
    """
    if bptt < 1:
        raise ValueError(f"bptt must be at least 1, got {bptt}")
    if not variable:
        return [min(bptt, steps - first) for first in range(0, steps, bptt)]
    generator = torch.Generator().manual_seed(seed)
    lengths: list[int] = []
    while steps > 0:
        mean = bptt if torch.rand((), generator=generator) < 0.95 else bptt / 2
        drawn = int(mean + 5 * torch.randn((), generator=generator))
        lengths.append(min(max(5, drawn), steps))
        steps -= lengths[-1]
    return lengths
