"""Steps of optimisers over all parameters at once, with the gradients scaled on the way: on the CPU only."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from fastlm import _library  # noqa: F401  (loads the operators)


def gradient_norm(gradients: Sequence[Tensor]) -> float:
    """The 2-norm of all gradients together: dense float32 or float64 tensors on the CPU.

    >>> gradient_norm([torch.tensor([3.0]), torch.tensor([[4.0]])])
    5.0
    """
    return torch.ops.fastlm.gradient_norm(list(gradients))


def sgd_step_(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    momenta: Sequence[Tensor],
    *,
    scale: float = 1.0,
    lr: float,
    momentum: float = 0.0,
    dampening: float = 0.0,
    weight_decay: float = 0.0,
    nesterov: bool = False,
) -> None:
    """A step of stochastic gradient descent, as ``torch.optim.SGD`` does it, in one pass.

    Args:
        parameters: dense float32 or float64 tensors on the CPU, changed in place.
        gradients: one for each, like it.
        momenta: momentum buffers, like the parameters, changed in place; empty: no momentum.
        scale: factor of the gradients, before anything else.
        lr: learning rate.
        momentum: share of the buffer that stays.
        dampening: share of the gradient that the buffer does not take.
        weight_decay: factor of the parameter that is added to its gradient.
        nesterov: whether the step looks ahead.

    Raises:
        RuntimeError: the lists do not fit, or a tensor is not dense, not float32 or float64, or not on the CPU.

    Example:
        >>> x = torch.ones(2)
        >>> sgd_step_([x], [torch.tensor([1.0, 2.0])], [], scale=0.5, lr=1.0)
        >>> x
        tensor([0.5000, 0.0000])
    """
    torch.ops.fastlm.sgd_step_(parameters, gradients, momenta, scale, lr, momentum, dampening, weight_decay, nesterov)
    torch.autograd.graph.increment_version([*parameters, *momenta])


def adam_step_(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    means: Sequence[Tensor],
    squares: Sequence[Tensor],
    steps: Sequence[int],
    *,
    scale: float = 1.0,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float = 0.0,
    decoupled: bool = False,
) -> None:
    """A step of Adam, as ``torch.optim.Adam`` does it, in one pass.

    Args:
        parameters: dense float32 or float64 tensors on the CPU, changed in place.
        gradients: one for each, like it.
        means: running means of the gradients, like the parameters, changed in place.
        squares: running means of their squares, as ``means``.
        steps: how many steps each parameter has had, with this one.
        scale: factor of the gradients, before anything else.
        lr: learning rate.
        betas: shares of the running means that stay.
        eps: what is added to the root of the squares.
        weight_decay: factor of the parameter that is added to its gradient.
        decoupled: take ``lr * weight_decay`` of the parameter off instead (AdamW).

    Raises:
        RuntimeError: as :func:`sgd_step_`.

    Example:
        >>> x, mean, square = torch.ones(1), torch.zeros(1), torch.zeros(1)
        >>> adam_step_([x], [torch.tensor([5.0])], [mean], [square], [1], lr=0.5, betas=(0.9, 0.999), eps=0.0)
        >>> x
        tensor([0.5000])
    """
    torch.ops.fastlm.adam_step_(
        parameters, gradients, means, squares, steps, scale, lr, *betas, eps, weight_decay, decoupled
    )
    torch.autograd.graph.increment_version([*parameters, *means, *squares])
