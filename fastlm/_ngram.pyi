"""The n-gram engine: csrc/core/ngram as Python classes (csrc/python). fastlm.ngram is its face.

Words are ids: 0 ``<unk>``, 1 ``<s>``, 2 ``</s>``, then the vocabulary. Everything that takes long releases the GIL.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

class FormatError(ValueError):
    """A file is not an n-gram file of this version, or was truncated or altered."""

class Counter:
    """Counts the n-grams of a text that comes in blocks of bytes."""

    def __init__(
        self,
        order: int,
        *,
        vocabulary: Sequence[str] | None = None,
        min_count: int = 1,
        max_vocabulary: int = 0,
        errors: str = "strict",
        threads: int = 0,
    ) -> None: ...
    def begin(self, source: str) -> None:
        """What follows is a new text of this name, from its line 1. An unfinished last line is ended."""
    def add(self, block: bytes) -> None:
        """More of the text, cut anywhere. A line is a sentence, its words are split at white space."""
    @property
    def tokens(self) -> int:
        """Words and ends of sentences so far."""
    def finish(self) -> Table:
        """Sorts and counts. The counter is empty afterwards."""

class Table:
    order: int
    counts: list[int]
    """Distinct n-grams of order 1, 2, ..."""
    tokens: int
    """Words and ends of sentences."""
    sentences: int
    vocabulary_size: int
    """Words, the three special ones included."""

    def id(self, word: str) -> int:
        """0 for a word that is not there."""
    def word(self, id: int) -> str: ...
    def count(self, ngram: Sequence[int]) -> int: ...
    def followers(self, context: Sequence[int]) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """Words seen after a context, in the order of their ids, with their counts."""
    def ngrams(self, order: int, begin: int, end: int) -> tuple[NDArray[np.uint32], NDArray[np.uint64]]:
        """N-grams begin to end of an order, sorted: [end - begin, order] words, and [end - begin] counts."""
    def estimate(
        self,
        smoothing: str,
        parameters: dict[str, list[float]],
        prune: Sequence[int] = (),
        compact: bool = False,
        limit_vocabulary: Sequence[str] | None = None,
        interpolate_unigrams: bool = True,
        vocabulary_pad: int = 0,
    ) -> Model: ...
    def save(self, path: str | bytes) -> None: ...

class DeltaSearch:
    """The best delta of add-delta for a text that comes in blocks, as Counter takes them."""

    def __init__(self, table: Table, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> float: ...

class Model:
    table: Table
    smoothing: str
    parameters: dict[str, list[float]]
    """Of the smoothing, as used; a number for each order, or one for all."""

    def score(self, words: Sequence[int], start: Sequence[int]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        """log10 P of each word given those before it (after the words `start`), and the order of the n-gram used."""
    def distribution(self, context: Sequence[int]) -> NDArray[np.float32]:
        """P(word | context) for each word of the vocabulary; ``<s>`` has 0. All zeros where there is none."""
    def quantize(self, bits: int) -> Model:
        """The same probabilities and weights, from a list of 2**bits of them for each order."""
    def prune(self, threshold: float) -> Model:
        """Without the n-grams of which each alone raises the perplexity by less than such a part of it."""
    def generate(self, start: Sequence[int], max_words: int, temperature: float, top_k: int, seed: int) -> list[int]:
        """Words drawn after `start`, ended by 2 where the model ends the sentence; never 0 or 1."""
    def save(self, path: str | bytes) -> None: ...

class Evaluator:
    """Perplexity of a text that comes in blocks, as Counter takes them."""

    def __init__(self, model: Model, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> Evaluation: ...

class TokenScores:
    """What a model makes of each token of a text that comes in blocks, as Counter takes them."""

    def __init__(self, model: Model, *, errors: str = "strict") -> None: ...
    def begin(self, source: str) -> None: ...
    def add(self, block: bytes) -> None: ...
    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.uint8], int]:
        """log10 P of each token, whether it is not in the vocabulary, and how many sentences there were."""

class Evaluation:
    tokens: int
    """Words and ends of sentences."""
    sentences: int
    unknown: int
    """Tokens that are not in the vocabulary."""
    log10_known: float
    """Sum over the tokens that are."""
    log10_unknown: float
    """Sum over the others."""

def merge(models: Sequence[Model], weights: Sequence[float]) -> Model:
    """Linear interpolation as one model, of the n-grams and words of all."""

def load(path: str | bytes, verify: bool = True) -> Table | Model:
    """Maps a file into memory; `verify` reads it once, for its checksum and its structure."""

def smoothings() -> dict[str, dict[str, tuple[float | None, float, float, int]]]:
    """Of each smoothing its parameters: default (None: from the counts), least, greatest."""
