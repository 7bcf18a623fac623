"""Counts of n-grams, as a mapping that is asked by words."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastlm import _ngram as engine
from fastlm.ngram._engine import UNKNOWN, UNKNOWN_ID, Words, choices, integer, thresholds, words_of
from fastlm.ngram.pickling import reduced
from fastlm.ngram.tokenization import Tokenization

if TYPE_CHECKING:
    from fastlm.ngram.model import Model

_AT_ONCE = 1 << 16
"""N-grams that are taken from the engine in one call."""


class Table:
    """Every n-gram of a text with its count; :func:`fastlm.ngram.count` makes one.

    An n-gram is written as its words, separated by white space, or as a sequence of words. ``<s>`` stands before a
    sentence, ``</s>`` after it, ``<unk>`` for the words that are not in the vocabulary.

    >>> from fastlm import ngram
    >>> table = ngram.count_sentences(["the cat sat", "the cat ran"], order=2)
    >>> table["the cat"], table["the", "cat"], table["the dog"]
    (2, 2, 0)
    >>> "cat sat" in table, len(table), table.counts
    (True, 12, [6, 6])
    >>> table.most_common(2, order=2)
    [('<s> the', 2), ('the cat', 2)]
    """

    tokenization: Tokenization
    """How the text became tokens. The words of an n-gram are tokens: ``table[table.tokenization.tokens(text)]``."""

    def __init__(self, table: engine.Table, tokenization: Tokenization | None = None) -> None:
        self._table = table
        self.tokenization = tokenization or Tokenization()
        self._path: str | None = None  # of the file that it was loaded from

    @property
    def order(self) -> int:
        """Words of the longest n-grams."""
        return self._table.order

    @property
    def counts(self) -> list[int]:
        """How many different n-grams there are of order 1, 2, ..."""
        return self._table.counts

    @property
    def tokens(self) -> int:
        """Words of the text and ends of its sentences."""
        return self._table.tokens

    @property
    def sentences(self) -> int:
        """Lines of the text."""
        return self._table.sentences

    @cached_property
    def vocabulary(self) -> list[str]:
        """``<unk>``, ``<s>``, ``</s>``, then the words: as given, or by falling frequency."""
        return [self._table.word(i) for i in range(self._table.vocabulary_size)]

    def __getitem__(self, ngram: Words) -> int:
        """How often an n-gram occurs; 0 if it does not.

        Raises:
            ValueError: it has no word, or more than ``order``.
        """
        words = words_of(ngram)
        if not 1 <= len(words) <= self.order:
            raise ValueError(f"the table holds n-grams of 1 to {self.order} words, got {len(words)}: {ngram!r}")
        ids = self._known(words)
        return 0 if ids is None else self._table.count(ids)

    def __contains__(self, ngram: Words) -> bool:
        """Whether an n-gram occurs."""
        return self[ngram] > 0

    def __len__(self) -> int:
        """All different n-grams, of every order."""
        return sum(self.counts)

    def __iter__(self) -> Iterator[str]:
        """The n-grams, order by order, each sorted by the numbers of the words."""
        return (ngram for ngram, _ in self.items())

    def items(self, order: int | None = None) -> Iterator[tuple[str, int]]:
        """N-grams with their counts, sorted by the numbers of the words.

        Args:
            order: only n-grams of so many words; None: order by order.

        Raises:
            ValueError: there is no such order.

        Example:
            >>> from fastlm import ngram
            >>> list(ngram.count_sentences(["a b"], order=2).items(order=2))
            [('<s> a', 1), ('a b', 1), ('b </s>', 1)]
        """
        orders = range(1, self.order + 1) if order is None else [self._order(order)]
        word = self.vocabulary
        return (
            (" ".join([word[i] for i in row]), n)
            for order in orders
            for words, counts in self._chunks(order)
            for row, n in zip(words.tolist(), counts.tolist(), strict=True)
        )

    def most_common(self, k: int = 10, order: int | None = None) -> list[tuple[str, int]]:
        """The most frequent n-grams of an order with their counts, the most frequent first.

        Args:
            k: how many.
            order: words of each; None: the table's order.

        Raises:
            ValueError: there is no such order, or ``k`` is negative.
        """
        k = integer("k", k, 0, 2**63)
        best: list[tuple[int, str]] = []
        for words, counts in self._chunks(self._order(self.order if order is None else order)):
            chosen = np.argsort(-counts.astype(np.int64), kind="stable")[:k]
            if len(best) == k:  # most pieces of a large table have nothing that is more frequent
                chosen = chosen[counts[chosen] > best[-1][0]] if k else chosen[:0]
            rows = [(int(counts[i]), self._text(words[i])) for i in chosen]
            best = heapq.nlargest(k, [*best, *rows], key=lambda item: item[0])  # keeps the order of equals
        return [(ngram, n) for n, ngram in best]

    def continuations(self, context: Words) -> list[tuple[str, int]]:
        """The words that occur after a context, with their counts, the most frequent first.

        Args:
            context: fewer words than ``order``. Of none, all words occur after it.

        Raises:
            ValueError: the context is too long.

        Example:
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b", "a c", "a c"], order=2).continuations("a")
            [('c', 2), ('b', 1)]
        """
        words = words_of(context)
        if len(words) >= self.order:
            raise ValueError(f"a context has fewer words than the order {self.order}, got {len(words)}: {context!r}")
        ids = self._known(words)
        if ids is None:
            return []
        followers, counts = self._table.followers(ids)
        by_count = np.argsort(-counts.astype(np.int64), kind="stable")
        return [(self._table.word(int(followers[i])), int(counts[i])) for i in by_count]

    def estimate(
        self,
        smoothing: str = "modified-kneser-ney",
        *,
        prune: Sequence[int] = (),
        discount_fallback: bool | Sequence[float] = False,
        compact: bool = False,
        **parameters: float | Sequence[float],
    ) -> Model:
        """Makes probabilities of the counts.

        Args:
            smoothing: a key of :func:`fastlm.ngram.smoothings`; docs/ngram.md has their formulas.
            prune: for each order, the last one for the rest: n-grams that occur so often or less are left out, after
                they have been counted. ``(0, 0, 1)`` leaves out trigrams and longer ones that occur once.
            discount_fallback: of modified Kneser-Ney: what is taken off counts of 1, 2, and 3 or more, in an order
                whose counts do not give it; True: 0.5, 1 and 1.5. False: that is an error.
            compact: a model of half the size, whose answers take longer; they are the same.
            **parameters: ``delta``, ``discount``, ``alpha``, ``k``: of the smoothing.

        Raises:
            ValueError: there is no such smoothing, it has no such parameter, or its value is out of range.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("add-delta", delta=0.5)
            >>> round(model.probability("b", "a"), 3)  # (1 + 0.5) / (2 + 0.5 * 5 words)
            0.333
        """
        from fastlm.ngram.model import Model  # a model has its table, so one of the two imports has to wait

        values = choices(discount_fallback, parameters)
        return Model(self._table.estimate(smoothing, values, thresholds(prune), compact), self.tokenization)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that :func:`fastlm.ngram.load` maps into memory.

        It is written under another name and renamed at the end, so that the file is never a part of one.

        Raises:
            OSError: the file cannot be written.
        """
        self._table.save(os.fsencode(path))

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self, self._path, self.tokenization)

    def __repr__(self) -> str:
        return f"<Table of order {self.order}: {self.tokens:,} tokens, {len(self):,} n-grams>"

    def _order(self, order: int) -> int:
        return integer("order", order, 1, self.order)

    def _known(self, words: list[str]) -> list[int] | None:
        """Their ids, or None if one is not in the vocabulary: it was counted as <unk>, together with others."""
        ids = [self._table.id(word) for word in words]
        unknown = any(i == UNKNOWN_ID and word != UNKNOWN for i, word in zip(ids, words, strict=True))
        return None if unknown else ids

    def _text(self, row: np.ndarray) -> str:
        return " ".join(self._table.word(int(i)) for i in row)

    def _chunks(self, order: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for begin in range(0, self._table.counts[order - 1], _AT_ONCE):
            yield self._table.ngrams(order, begin, begin + _AT_ONCE)
