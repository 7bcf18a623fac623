"""Dropout as a function and as a module, with torch's signatures."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fastlm import ops

__all__ = ["Dropout", "dropout"]


def draw_seed(like: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A seed for :func:`fastlm.ops.dropout`, drawn on the device of ``like`` from torch's generator for it."""
    return torch.randint(2**63 - 1, (), dtype=torch.int64, device=like.device, generator=generator)


def dropout(
    input: Tensor,
    p: float = 0.5,
    training: bool = True,
    inplace: bool = False,
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Dropout: a drop-in for ``torch.nn.functional.dropout``.

    Zeroes each element with probability ``p`` and scales the others by ``1 / (1 - p)``, in one pass forward and one
    backward: the mask is a function of a seed, so it is computed again instead of being stored. The seed is drawn from
    ``generator``, or torch's default one, so ``torch.manual_seed`` makes the result reproducible (the elements that are
    dropped are not those that torch would drop).

    Args:
        input: any shape and strides, any floating dtype that torch has kernels for.
        p: probability of an element to be zeroed, between 0 and 1.
        training: if False, or if ``p`` is 0, the input is returned as it is.
        inplace: write the result into ``input``.
        generator: where the seed is drawn from; on the device of ``input``.

    Returns:
        A contiguous tensor of the shape and dtype of ``input``, or ``input`` itself.

    Raises:
        ValueError: ``p`` is outside [0, 1].
        TypeError: ``input`` is not floating point.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> dropout(torch.ones(8), p=0.25).count_nonzero() < 9
        tensor(True)
        >>> dropout(torch.ones(2), training=False)
        tensor([1., 1.])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
    if not input.is_floating_point():
        raise TypeError(f"dropout: expected a floating point tensor, got {input.dtype}")
    if not training or p == 0 or input.numel() == 0:
        return input
    output = ops.dropout(input, draw_seed(input, generator), p)
    return input.copy_(output) if inplace else output


class Dropout(nn.Module):
    """Dropout in training, identity in evaluation: a drop-in for ``torch.nn.Dropout``. See :func:`dropout`.

    >>> Dropout(0.2).eval()(torch.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        """As torch prints it."""
        return f"p={self.p}, inplace={self.inplace}"

    def forward(self, input: Tensor) -> Tensor:
        """Drops elements of ``input`` in training."""
        return dropout(input, self.p, self.training, self.inplace)
