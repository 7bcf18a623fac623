"""The output layer and its loss as one function: the place where a fused one is put in."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy, linear


def linear_cross_entropy(
    input: Tensor,
    weight: Tensor,
    target: Tensor,
    bias: Tensor | None = None,
    *,
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
    z_loss: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    """Cross-entropy of ``linear(input, weight, bias)``, plus ``z_loss`` times the squared log of its normaliser.

    Args:
        input: [..., H].
        weight: [V, H].
        target: [...] int64.
        bias: [V].
        ignore_index: the target that does not count.
        label_smoothing: as in ``F.cross_entropy``.
        z_loss: weight of the squared logarithm of the sum of the exponentials.
        reduction: ``"mean"``, ``"sum"`` or ``"none"``.
    """
    logits = linear(input, weight, bias).flatten(0, -2)
    targets = target.flatten()
    loss = cross_entropy(
        logits, targets, ignore_index=ignore_index, label_smoothing=label_smoothing, reduction=reduction
    )
    if z_loss:
        squares = logits.logsumexp(-1).square().masked_fill(targets == ignore_index, 0.0)
        number = {"mean": (targets != ignore_index).sum()}.get(reduction, 1)
        loss = loss + z_loss * (squares if reduction == "none" else squares.sum() / number)
    return loss.view(target.shape) if reduction == "none" else loss
