"""Perplexity of a text under a neural language model."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fastlm.lm.data import IGNORED, chunks, columns


@torch.no_grad()
def perplexity(model: nn.Module, ids: Tensor, start: int, *, batch_size: int = 1, bptt: int = 128) -> float:
    """The exponential of the mean cross-entropy over every token of a text, ``</s>`` and ``<unk>`` included.

    That is the perplexity that ``fastlm.ngram`` reports as ``perplexity`` for the same tokens, so the two compare.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        ids: [N] int64, a text.
        start: what stands before the text, usually ``</s>``.
        batch_size: columns that the text is cut into. Each starts without context, so more than 1 is faster and
            a little pessimistic.
        bptt: steps at a time; has no influence on the result.

    Raises:
        ValueError: the text is empty.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> round(perplexity(RecurrentLM(100), torch.randint(100, (2000,)), 1))
        100
    """
    if len(ids) == 0:
        raise ValueError("expected a text of at least one token, got none")
    model.eval()
    state, total = None, 0.0
    for x, y in chunks(*columns(ids, min(batch_size, len(ids)), start), bptt):
        logits, state = model(x, state)
        total += cross_entropy(logits.flatten(0, 1), y.flatten(), ignore_index=IGNORED, reduction="sum").item()
    return math.exp(total / len(ids))
