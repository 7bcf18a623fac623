"""``fastlm::dropout``: which elements stay is a pure function of a seed and the element's index."""

from __future__ import annotations

import torch
from torch import Tensor

from fastlm import _library  # noqa: F401  (loads the operators)

_op = torch.ops.fastlm.dropout.default


def dropout(input: Tensor, seed: Tensor, p: float) -> Tensor:
    """Zeroes each element with probability ``p`` and scales the others by ``1 / (1 - p)``.

    Element ``i``, in row-major order, looks at word ``i % 4`` of Philox4x32-10 with counter ``i // 4`` and key
    ``seed``: the same mask whatever the device, the threads or the strides. Nothing is stored for backward; the mask is
    computed again.

    Args:
        input: any shape, float32, float64, float16 or bfloat16.
        seed: one int64 number, on the device of ``input``.
        p: probability of an element to be zeroed, between 0 and 1.

    Returns:
        A new contiguous tensor of the shape and dtype of ``input``.

    Raises:
        RuntimeError: ``p`` is outside [0, 1], ``input`` is not floating point, or ``seed`` is not one int64 number.

    Source: Srivastava et al. (2014); Salmon et al. (2011) for Philox.

    Example:
        >>> dropout(torch.ones(6), torch.tensor(7), 0.5)
        tensor([2., 2., 0., 0., 0., 2.])
    """
    return _op(input, seed, p)


@torch.library.register_fake("fastlm::dropout")
def _fake(input: Tensor, seed: Tensor, p: float) -> Tensor:
    return torch.empty_like(input, memory_format=torch.contiguous_format)


def _setup(ctx, inputs, output):  # type: ignore[no-untyped-def]
    _, seed, ctx.p = inputs
    ctx.save_for_backward(seed)


def _backward(ctx, grad):  # type: ignore[no-untyped-def]
    (seed,) = ctx.saved_tensors
    return _op(grad, seed, ctx.p), None, None


torch.library.register_autograd("fastlm::dropout", _backward, setup_context=_setup)
