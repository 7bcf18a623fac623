"""Counts of n-grams, as a mapping that is asked by words."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from fastlm import _ngram as engine
from fastlm.ngram._engine import UNKNOWN, UNKNOWN_ID, Words, choices, integer, thresholds, words_of
from fastlm.ngram.exports import AT_ONCE, Exports
from fastlm.ngram.inputs import Format, Texts, read_sources
from fastlm.ngram.pickling import reduced
from fastlm.ngram.tokenization import Tokenization

if TYPE_CHECKING:
    from fastlm.ngram.model import Model


class Table(Exports):
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

    def items(self, order: int | None = None, prefix: Words = ()) -> Iterator[tuple[str, int]]:
        """N-grams with their counts, sorted by the numbers of the words.

        Args:
            order: only n-grams of so many words; None: order by order.
            prefix: only n-grams that begin with these words.

        Raises:
            ValueError: there is no such order.

        Example:
            >>> from fastlm import ngram
            >>> table = ngram.count_sentences(["a b"], order=2)
            >>> list(table.items(order=2))
            [('<s> a', 1), ('a b', 1), ('b </s>', 1)]
            >>> list(table.items(prefix="a"))
            [('a', 1), ('a b', 1)]
        """
        orders = range(1, self.order + 1) if order is None else [self._order(order)]
        begun = words_of(prefix)
        word = self.vocabulary
        return (
            (" ".join([word[i] for i in row]), n)
            for order in orders
            for words, counts in (self._begun(order, begun) if begun else self._chunks(order))
            for row, n in zip(words.tolist(), counts.tolist(), strict=True)
        )

    def counts_of_counts(self, order: int) -> dict[int, int]:
        """How many n-grams of an order occur once, twice, ...: what discounts are worked out of.

        Raises:
            ValueError: there is no such order.

        Example:
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b a"], order=1).counts_of_counts(1)
            {1: 3, 2: 1}
        """
        found: Counter[int] = Counter()
        for _, counts in self._chunks(self._order(order)):
            values, times = np.unique(counts, return_counts=True)
            found.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
        return dict(sorted(found.items()))

    def merge(self, *others: Table, threads: int = 0) -> Table:
        """A table of the counts of this one and of others, added; see :func:`fastlm.ngram.merge`.

        Raises:
            ValueError: the texts became words in different ways.

        Example:
            >>> from fastlm import ngram
            >>> a, b = (ngram.count_sentences([line], order=2) for line in ("a b", "b a"))
            >>> (a + b)["b"]
            2
        """
        tables = [self._table, *(other._table for other in others)]
        return Table(engine.Table.merge(tables, integer("threads", threads, 0, 1024)))

    def update(self, texts: Texts, **options: Any) -> Table:
        """A table of this one's counts and those of more text, added: it is counted, then merged.

        Args:
            texts: as :func:`fastlm.ngram.count` takes them.
            **options: of :func:`fastlm.ngram.count`, all but the order, which is this table's.

        Raises:
            ValueError: as :func:`fastlm.ngram.count`.
            OSError: a file cannot be read.

        Example:
            >>> import io
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b"], order=2).update(io.BytesIO(b"a b c"))["a b"]
            2
        """
        from fastlm.ngram.counting import count  # which makes tables, so one of the two imports has to wait

        return self.merge(count(texts, self.order, **options))

    def subtract(self, other: Table, *, threads: int = 0) -> Table:
        """A table of what is left when the counts of a part of the text are taken off.

        The vocabulary stays; n-grams that are left 0 times vanish.

        Raises:
            ValueError: a count would fall below 0, nothing would be left, or the other's order is less.

        Example:
            >>> from fastlm import ngram
            >>> a, b = (ngram.count_sentences([line], order=2) for line in ("a b", "b a"))
            >>> dict((a + b - b).items()) == dict(a.items())
            True
        """
        return Table(self._table.subtract(other._table, integer("threads", threads, 0, 1024)))

    def prune(self, thresholds: Sequence[int], *, threads: int = 0) -> Table:
        """A table without rare n-grams. Words stay.

        Args:
            thresholds: for each order, the last one for the rest: n-grams that occur so often or less are left out.
                The first is 0, and they do not fall.
            threads: 0: one for each processor.

        Raises:
            ValueError: the thresholds are not such.

        Example:
            >>> from fastlm import ngram
            >>> ngram.count_sentences(["a b", "a c"], order=2).prune([0, 1]).counts
            [5, 1]
        """
        least = [integer("thresholds", n, 0, 2**64 - 1) for n in thresholds]
        return Table(self._table.prune(least, integer("threads", threads, 0, 1024)))

    def __add__(self, other: Table) -> Table:
        return self.merge(other) if isinstance(other, Table) else NotImplemented

    def __sub__(self, other: Table) -> Table:
        return self.subtract(other) if isinstance(other, Table) else NotImplemented

    def most_common(self, k: int = 10, order: int | None = None) -> list[tuple[str, int]]:
        """The most frequent n-grams of an order with their counts, the most frequent first.

        Args:
            k: how many.
            order: words of each; None: the table's order.

        Raises:
            ValueError: there is no such order, or ``k`` is negative.
        """
        k = integer("k", k, 0, 2**63)
        words, counts = self._table.most_common(self._order(self.order if order is None else order), k)
        return [(self._text(row), int(n)) for row, n in zip(words, counts, strict=True)]

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
        discount_fallback: bool | float | Sequence[float] = False,
        limit_vocabulary: Iterable[str] | None = None,
        interpolate_unigrams: bool = True,
        vocabulary_pad: int = 0,
        compact: bool = False,
        heldout: Texts | None = None,
        **parameters: float | Sequence[float] | str,
    ) -> Model:
        """Makes probabilities of the counts.

        Args:
            smoothing: a key of :func:`fastlm.ngram.smoothings`; docs/ngram.md has their formulas.
            prune: for each order, the last one for the rest: n-grams that occur so often or less are left out, after
                they have been counted. ``(0, 0, 1)`` leaves out trigrams and longer ones that occur once.
            discount_fallback: what is taken off counts of 1, 2, and 3 or more in an order whose counts do not give it;
                True: 0.5, 1 and 1.5. One number for Kneser-Ney's and absolute discounting with one discount; True:
                0.5. False: such an order is an error.
            limit_vocabulary: the words of the model; n-grams with another one are left out, after they have been
                counted. None: those of the table.
            interpolate_unigrams: mix words alone with the uniform distribution. False: ``<unk>`` has all that their
                discounts free, as in SRILM.
            vocabulary_pad: the uniform distribution is one of so many words at least, so that models of different
                vocabularies compare.
            compact: a model of half the size, whose answers take longer; they are the same.
            heldout: a text for ``delta="best"``; see :meth:`best_delta`.
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

        if (parameters.get("delta") == "best") != (heldout is not None):
            raise ValueError('delta="best" and heldout, the text that it is best for, go together')
        if heldout is not None:
            parameters["delta"] = self.best_delta(heldout)
        values = choices(smoothing, discount_fallback, parameters)
        pad = integer("vocabulary_pad", vocabulary_pad, 0, 2**32)
        limit = None if limit_vocabulary is None else words_of(list(limit_vocabulary))
        model = self._table.estimate(
            smoothing, values, thresholds(prune), compact, limit, bool(interpolate_unigrams), pad
        )
        return Model(model, self.tokenization)

    def best_delta(self, heldout: Texts, *, errors: str = "strict") -> float:
        """The delta of add-delta under which a text is most probable.

        Args:
            heldout: as for :func:`fastlm.ngram.count`, from which the text should not be a part.
            errors: what is done about invalid UTF-8, as for :func:`fastlm.ngram.count`.

        Returns:
            A number between 1e-9 and 1e9, exact to six digits.

        Raises:
            OSError: a file cannot be read.
            ValueError: the text is empty, or is not one; see :func:`fastlm.ngram.count`.

        Example:
            >>> from fastlm import ngram
            >>> import io
            >>> round(ngram.count_sentences(["a a b"], order=1).best_delta(io.BytesIO(b"a a a never")), 4)
            1.0
        """
        search = engine.DeltaSearch(self._table, errors=errors)
        read_sources(search, heldout, lambda: None, Format(self.tokenization, errors))
        return search.finish()

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

    def _known(self, words: list[str]) -> list[int] | None:
        """Their ids, or None if one is not in the vocabulary: it was counted as <unk>, together with others."""
        ids = [self._table.id(word) for word in words]
        unknown = any(i == UNKNOWN_ID and word != UNKNOWN for i, word in zip(ids, words, strict=True))
        return None if unknown else ids

    def _text(self, row: np.ndarray) -> str:
        return " ".join(self._table.word(int(i)) for i in row)

    def _begun(self, order: int, prefix: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        ids = self._known(prefix)
        if ids is None or len(ids) > order:
            return
        if order == 1:
            if n := self._table.count(ids):
                yield np.array([ids]), np.array([n])
            return
        first, end = self._table.begun_by(order, ids)
        for begin in range(first, end, AT_ONCE):
            yield self._table.ngrams(order, begin, min(end, begin + AT_ONCE))
