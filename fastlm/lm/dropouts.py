"""Dropouts of language models: one mask for all steps, and whole words."""

from __future__ import annotations

from torch import Tensor, nn

from fastlm.nn import Dropout, dropout


class LockedDropout(Dropout):
    """Dropout with one mask for all steps of a sequence.

    Source: Gal & Ghahramani (2016), "A theoretically grounded application of dropout in recurrent neural networks".

    >>> import torch
    >>> x = LockedDropout(0.5)(torch.ones(3, 2, 4))
    >>> bool((x[0] == x[2]).all())
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        """Drops the same features of ``input`` [T, B, H] at every step."""
        if not self.training or self.p == 0:
            return input
        return input * dropout(input.new_ones(1, *input.shape[1:]), self.p)


def embed(embedding: nn.Embedding, input: Tensor, p: float) -> Tensor:
    """Embeddings of words; with probability ``p`` a word's is zero wherever it occurs, and others are scaled.

    Source: Gal & Ghahramani (2016); Merity et al. (2018).

    Args:
        embedding: of V words, E features.
        input: [...] int64.
        p: probability; 0 in evaluation.

    Returns:
        [..., E].
    """
    vectors = embedding(input)
    if p == 0:
        return vectors
    mask = dropout(embedding.weight.new_ones(embedding.num_embeddings, 1), p)
    return vectors * mask[input]
