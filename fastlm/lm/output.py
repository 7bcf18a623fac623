"""The output layers of language models: scores of all words, and the loss of those that followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fastlm.lm.data import IGNORED
from fastlm.nn import AdaptiveLogSoftmax
from fastlm.ops import linear_cross_entropy


class Softmax(nn.Linear):
    """The softmax over all V words; of H features."""

    @property
    def words(self) -> int:
        """V."""
        return self.out_features

    def loss(self, hidden: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """The cross-entropy of ``target`` [...] given [..., H], in nats; the logits need not be stored."""
        return linear_cross_entropy(hidden, self.weight, target, self.bias, reduction=reduction)

    @torch.no_grad()
    def start_from(self, frequencies: Tensor) -> None:
        """The bias becomes the log of the words' frequencies [V]."""
        self.bias.copy_(frequencies.log())


class AdaptiveSoftmax(AdaptiveLogSoftmax):
    """The softmax in clusters by frequency: the first words are taken for the most frequent ones.

    Args:
        features: H.
        words: V.
        cutoffs: where the clusters of rarer words begin.

    Raises:
        ValueError: the cutoffs are not increasing numbers between 1 and ``words - 1``, or too many for the features.

    Source: Grave et al. (2017), "Efficient softmax approximation for GPUs".

    Example:
        >>> layer = AdaptiveSoftmax(16, 100, [10, 40])
        >>> layer.loss(torch.zeros(5, 2, 16), torch.zeros(5, 2, dtype=torch.int64)).shape
        torch.Size([])
        >>> bool(torch.isclose(layer(torch.zeros(3, 16)).exp().sum(-1), torch.ones(3)).all())
        True
    """

    def __init__(self, features: int, words: int, cutoffs: Sequence[int]) -> None:
        if features < 4 ** len(cutoffs):
            raise ValueError(
                f"each cluster has a fourth of the features of the one before: {len(cutoffs)} cutoffs need at least "
                f"{4 ** len(cutoffs)} features, got {features}"
            )
        super().__init__(features, words, cutoffs, head_bias=True)

    @property
    def words(self) -> int:
        """V."""
        return self.n_classes

    def forward(self, hidden: Tensor, target: Tensor | None = None) -> Any:  # type: ignore[override]
        """Log-probabilities [..., V] of features [..., H]; with targets, what :class:`AdaptiveLogSoftmax` gives."""
        if target is not None:
            return super().forward(hidden, target)
        return self.log_prob(hidden.flatten(0, -2)).unflatten(0, hidden.shape[:-1])

    def loss(self, hidden: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
        """The cross-entropy of ``target`` [...] given [..., H], in nats; targets that are -100 do not count."""
        rows, words = hidden.flatten(0, -2), target.flatten()
        there = words != IGNORED
        if whole := bool(there.all()):
            output, mean = self(rows, words)
        else:
            output, mean = self(rows[there], words[there])
        if reduction == "mean":
            return mean
        if reduction == "sum":
            return -output.sum()
        losses = output if whole else output.new_zeros(len(words)).masked_scatter(there, output)
        return -losses.view(target.shape)

    @torch.no_grad()
    def start_from(self, frequencies: Tensor) -> None:
        """The head's bias becomes the log of its words' frequencies, and of the clusters'; [V]."""
        sizes = [b - a for a, b in zip([0, *self.cutoffs], self.cutoffs, strict=False)]
        first, *clusters = frequencies.split(sizes)
        self.head.bias.copy_(torch.cat([first, torch.stack([cluster.sum() for cluster in clusters])]).log())


def output_layer(features: int, words: int, cutoffs: Sequence[int] | None = None) -> Softmax | AdaptiveSoftmax:
    """The layer over all words; with ``cutoffs`` in clusters.

    Raises:
        ValueError: as of :class:`AdaptiveSoftmax`.
    """
    return Softmax(features, words) if cutoffs is None else AdaptiveSoftmax(features, words, cutoffs)
