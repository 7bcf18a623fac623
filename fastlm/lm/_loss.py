"""The output layer and its loss as one function: fused on the CPU, by torch elsewhere."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from fastlm import ops


def linear_cross_entropy(
    input: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, *, reduction: str = "mean"
) -> Tensor:
    """Cross-entropy of ``linear(input, weight, bias)``; targets of -100 do not count.

    Args:
        input: [..., H].
        weight: [V, H].
        target: [...] int64.
        bias: [V].
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    if input.is_cpu:
        return ops.linear_cross_entropy(input, weight, target, bias, reduction=reduction)
    logits = linear(input, weight, bias).flatten(0, -2)
    loss = cross_entropy(logits, target.flatten(), reduction=reduction)
    return loss.view(target.shape) if reduction == "none" else loss
