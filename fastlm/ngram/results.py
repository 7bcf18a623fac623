"""What a model answers: scores of words and sentences, and how well it foretells a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastlm import _ngram as engine


class WordScore(NamedTuple):
    """One word of a sentence under a model."""

    word: str
    """As it was given."""
    log10: float
    """log10 P(word | the words before)."""
    order: int
    """Words of the longest n-gram of the table that ends here."""
    unknown: bool
    """Not in the vocabulary: scored as ``<unk>``."""


@dataclass(frozen=True)
class Evaluation:
    """How well a model foretells a text.

    >>> from fastlm import ngram
    >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("add-delta")
    >>> evaluation = model.perplexity_of(["a b", "d"])
    >>> print(evaluation)
    perplexity ... (without unknown words ...): 5 tokens, 2 sentences, 1 unknown
    """

    tokens: int
    """Words and ends of sentences."""
    sentences: int
    unknown: int
    """Tokens that are not in the vocabulary, scored as ``<unk>``."""
    log10_known: float
    """Sum of log10 P over the tokens that are in the vocabulary."""
    log10_unknown: float
    """Sum of log10 P over the others."""

    @property
    def log10(self) -> float:
        """log10 P of the whole text."""
        return self.log10_known + self.log10_unknown

    @property
    def perplexity(self) -> float:
        """P(text) ** (-1 / tokens), over every token, ``<unk>`` and ``</s>`` included; infinite if P is 0."""
        return _perplexity(self.log10, self.tokens)

    @property
    def perplexity_known(self) -> float:
        """The same over the tokens that are in the vocabulary alone."""
        return _perplexity(self.log10_known, self.tokens - self.unknown)

    def __str__(self) -> str:
        return (
            f"perplexity {self.perplexity:.2f} (without unknown words {self.perplexity_known:.2f}): "
            f"{self.tokens:,} tokens, {self.sentences:,} sentences, {self.unknown:,} unknown"
        )


def _perplexity(log10: float, tokens: int) -> float:
    exponent = -log10 / tokens
    return 10.0**exponent if exponent < 308 else float("inf")


class TokenScores(NamedTuple):
    """Every token of many sentences under a model, one behind the other."""

    log10: NDArray[np.float32]
    """log10 P(token | the tokens before): [tokens]."""
    order: NDArray[np.uint8]
    """Words of the longest n-gram of the table that ends here: [tokens]."""
    unknown: NDArray[np.bool_]
    """Not in the vocabulary: [tokens]."""
    offsets: NDArray[np.int64]
    """Where the tokens of each sentence begin, and the end of the last: [sentences + 1]."""


def evaluation(found: engine.Evaluation) -> Evaluation:
    """The engine's answer.

    Raises:
        ValueError: the text was empty.
    """
    if found.tokens == 0:
        raise ValueError("the text is empty: expected at least one line")
    return Evaluation(found.tokens, found.sentences, found.unknown, found.log10_known, found.log10_unknown)
