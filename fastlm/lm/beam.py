"""The most probable sentences, by beam search."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fastlm.lm.decoding import check_numbers, device_of, never_drawn, read, rows_of, tokens_of, with_start
from fastlm.lm.vocabulary import END, Vocabulary


@dataclass(frozen=True)
class Hypothesis:
    """A sentence that beam search has found."""

    tokens: list[str]
    """The prompt included, ``</s>`` not."""
    log_probability: float
    """ln P of what stands behind the prompt, ``</s>`` included if the sentence has ended."""
    score: float
    """That, divided by a power of the number of its tokens; what the search orders by."""
    ended: bool
    """Whether ``</s>`` came before ``max_words``."""


@torch.no_grad()
def beam_search(
    model: nn.Module,
    vocabulary: Vocabulary,
    prompt: str | Iterable[str] = (),
    *,
    beams: int = 5,
    n_best: int = 1,
    max_words: int = 50,
    length_penalty: float = 1.0,
    state: Any = None,
) -> list[Hypothesis]:
    """Finds sentences that are probable as a whole: in each step the ``beams`` best beginnings go on.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        vocabulary: of the model; ``<unk>`` is never part of a sentence.
        prompt: what the sentences begin with: a text, or tokens.
        beams: beginnings that are kept. More find better sentences, more slowly.
        n_best: how many sentences to return, at most ``beams``.
        max_words: tokens behind the prompt, at most.
        length_penalty: sentences are ordered by ``log P / tokens ** length_penalty``: 0: by their probability, which
            favours short ones; 1: by their probability a token.
        state: of the model, from which the sentences begin, of one row; None: nothing was before.

    Returns:
        The best ones, the best first; fewer where there are fewer.

    Raises:
        ValueError: an argument is out of range, or the vocabulary has no word.
        FloatingPointError: the model gives no numbers.

    Source: Lowerre (1976), "The Harpy speech recognition system"; the power of the length as in most toolkits.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> found = beam_search(RecurrentLM(4), Vocabulary(["a", "b"]), "a", n_best=3)
        >>> [hypothesis.tokens[0] for hypothesis in found]
        ['a', 'a', 'a']
    """
    never, end = never_drawn(vocabulary), vocabulary.id_of(END)
    if not 1 <= n_best <= beams:
        raise ValueError(f"expected 1 <= n_best <= beams, got n_best = {n_best} and beams = {beams}")
    if max_words < 1 or length_penalty < 0:
        raise ValueError(f"expected max_words >= 1 and length_penalty >= 0, got {max_words} and {length_penalty}")
    model.eval()
    start, device = tokens_of(vocabulary, prompt), device_of(model)
    found: list[Hypothesis] = []

    def keep(drawn: list[int], total: float, ended: bool) -> None:
        words = [*start, *(vocabulary[i] for i in drawn)]
        found.append(Hypothesis(words, total, total / (len(drawn) + ended) ** length_penalty, ended))
        found.sort(key=lambda hypothesis: -hypothesis.score)
        del found[beams:]

    logits, state = read(model, torch.tensor([with_start(vocabulary, start)], device=device).T, state)
    live: list[tuple[list[int], float]] = [([], 0.0)]
    for _ in range(max_words):
        log_p = logits.double().log_softmax(-1)  # as sums of many words
        log_p[:, never] = -torch.inf
        totals = log_p + torch.tensor([[total] for _, total in live], dtype=torch.float64, device=device)
        values, places = totals.flatten().topk(min(2 * beams, totals.numel()))  # one in two at most is an end
        check_numbers(values)
        going: list[tuple[list[int], float]] = []
        rows: list[int] = []
        for value, place in zip(values.tolist(), places.tolist(), strict=True):
            row, word = divmod(place, totals.shape[1])
            if not math.isfinite(value) or len(going) == beams:
                break
            if word == end:
                keep(live[row][0], value, ended=True)
            else:
                going.append(([*live[row][0], word], value))
                rows.append(row)
        live = going
        # probabilities only fall: the most that a beginning can still reach is what it has, over the largest length
        if not live or (len(found) >= n_best and found[n_best - 1].score >= live[0][1] / max_words**length_penalty):
            live = []
            break
        state = rows_of(state, torch.tensor(rows, device=device))
        logits, state = read(model, torch.tensor([[drawn[-1] for drawn, _ in live]], device=device), state)
    for drawn, total in live:
        keep(drawn, total, ended=False)
    return found[:n_best]
