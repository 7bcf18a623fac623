"""Adaptive softmax with torch's interface, on the operator that keeps no logits."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fastlm.ops.linear_cross_entropy import mean_and_rows

__all__ = ["AdaptiveLogSoftmax"]


class _Output(NamedTuple):
    """What torch's module returns."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmax(nn.AdaptiveLogSoftmaxWithLoss):
    """A softmax over many classes in clusters by frequency: a drop-in for ``torch.nn.AdaptiveLogSoftmaxWithLoss``.

    Frequent classes stand in the head, beside one class for each cluster of rarer ones; a cluster has a smaller
    projection, and is computed only for the rows whose target it holds. Constructor, ``state_dict``, ``log_prob`` and
    ``predict`` are torch's; ``forward`` is faster and keeps no logits.

    Args:
        in_features: size of an input row.
        n_classes: number of classes, numbered from the most frequent one.
        cutoffs: where the clusters begin: increasing, each between 1 and ``n_classes - 1``.
        div_value: how many times smaller the projection of each cluster is than that of the one before.
        head_bias: whether the head has a bias.
        device: of the parameters.
        dtype: of the parameters.

    Raises:
        ValueError: ``cutoffs`` are none.

    Source: Grave, Joulin, Cissé, Grangier & Jégou (2017).

    Example:
        >>> softmax = AdaptiveLogSoftmax(8, 100, cutoffs=[10, 40], div_value=2.0)
        >>> output, loss = softmax(torch.randn(5, 8), torch.tensor([1, 99, 20, 3, 30]))
        >>> output.shape, bool(torch.isclose(loss, -output.mean()))
        (torch.Size([5]), True)
    """

    def forward(self, input_: Tensor, target_: Tensor) -> _Output:  # type: ignore[override]
        """The log probability of each target, and the mean of its negative.

        Args:
            input_: [N, in_features], or [in_features].
            target_: [N] int64, or [].

        Returns:
            A named tuple: ``output``, [N] or [], and ``loss``.

        Raises:
            RuntimeError: a shape does not fit, or a target is no class.
        """
        if target_.dim() > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if input_.dim() != target_.dim() + 1:
            raise RuntimeError(
                f"{target_.dim()}D target tensor expects {target_.dim() + 1}D input tensors, "
                f"but found inputs with size {input_.size()}"
            )
        if target_.dim() == 1 and len(input_) != len(target_):
            raise RuntimeError("Input and target should have the same size in the batch dimension.")
        input, target = input_.view(-1, input_.shape[-1]), target_.view(-1)
        cluster = torch.bucketize(target, torch.tensor(self.cutoffs, device=target.device), right=True)
        sizes = torch.bincount(cluster, minlength=self.n_clusters + 2).tolist()
        if sizes[-1] or (len(target) and target.min() < 0):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min().item()}, {target.max().item()}] were found. "
            )
        in_head = torch.where(cluster == 0, target, cluster + (self.shortlist_size - 1))
        loss, rows = mean_and_rows(input, self.head.weight, in_head, self.head.bias)
        by_cluster = cluster.argsort(stable=True).split(sizes[:-1])
        for i, (tail, members) in enumerate(zip(self.tail, by_cluster[1:], strict=True)):
            if len(members) > 0:
                project: Any
                classes: Any
                project, classes = tail.children()
                inner = target[members] - self.cutoffs[i]
                mean, tail_rows = mean_and_rows(project(input[members]), classes.weight, inner)
                loss = loss + mean * (len(members) / len(target))
                rows = rows.index_add(0, members, tail_rows)
        return _Output((-rows).view(target_.shape), loss)
