"""N-grams of any length: how often they occur in one's own texts, where, and what comes next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import BEGIN, END, Words, integer
from fastlm.ngram.inputs import Format, Texts, read_sources
from fastlm.ngram.occurrences import Contamination, FoundDocument, LongestMatch, MatchedSpan, Occurrence
from fastlm.ngram.tokenization import Tokenization


class SuffixIndex:
    """Every n-gram of some texts, of any length; :func:`fastlm.ngram.index` makes one.

    An n-gram is written as text, or as a sequence of words. ``</s>`` may stand behind the last word of a sequence, or
    of words that stand between white space: the end of a document.

    Liu et al., "Infini-gram: Scaling Unbounded n-gram Language Models to a Trillion Tokens" (2024).

    >>> from fastlm import ngram
    >>> found = ngram.index_documents(["the cat sat on the mat", "a dog sat on the mat", "the cat ran"])
    >>> found.count("sat on the mat"), found.count("the cat sat on the mat </s>"), "the dog" in found
    (2, 1, False)
    >>> found.longest_match("my dog sat on the")
    LongestMatch(text='dog sat on the', length=4, count=1)
    >>> found.next("my cat sat on the"), found.probability("mat", "my cat sat on the")
    ([('mat', 1.0)], 1.0)
    """

    tokenization: Tokenization
    """How the texts became words. The words of an n-gram that is given as a str are found in the same way."""

    def __init__(self, index: engine.SuffixIndex, tokenization: Tokenization | None = None) -> None:
        self._index = index
        self.tokenization = tokenization or Tokenization.from_json(index.tokenization)

    @property
    def tokens(self) -> int:
        """Words of the texts and ends of their documents."""
        return self._index.tokens

    @property
    def document_count(self) -> int:
        """How many documents there are."""
        return self._index.document_count

    @property
    def sources(self) -> list[str]:
        """Names of the texts."""
        return self._index.sources

    @cached_property
    def vocabulary(self) -> list[str]:
        """``<unk>``, ``<s>``, ``</s>``, then the words in the order of their coming."""
        return [self._index.word(i) for i in range(self._index.vocabulary_size)]

    def count(self, ngram: Words) -> int:
        """How often an n-gram occurs; 0 if it does not.

        Raises:
            ValueError: it has no word, ``<s>``, or ``</s>`` before its last word.
        """
        return int(self._index.counts([self._ngram(ngram)])[0])

    def counts(self, ngrams: Iterable[Words]) -> list[int]:
        """How often each of many n-grams occurs: several times as fast as one after the other.

        Raises:
            ValueError: as :meth:`count`.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b a b"]).counts(["a b", "b a", "b b"])
            [2, 1, 0]
        """
        return self._index.counts([self._ngram(ngram) for ngram in ngrams]).tolist()

    def __contains__(self, ngram: Words) -> bool:
        """Whether an n-gram occurs."""
        return self.count(ngram) > 0

    def document_frequency(self, ngram: Words) -> int:
        """In how many documents an n-gram occurs.

        Raises:
            ValueError: as :meth:`count`.
        """
        return len(self._index.documents(self._ngram(ngram))[0])

    def longest_match(self, context: Words) -> LongestMatch:
        """The most last words of a context that occur side by side.

        Raises:
            ValueError: the context has ``<s>`` or ``</s>``.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b c", "b c d"]).longest_match("x y b c")
            LongestMatch(text='b c', length=2, count=2)
        """
        words = self._context(context)
        length, count = self._index.longest_match(words)
        return LongestMatch(" ".join(words[len(words) - length :]), length, count)

    def continuations(self, context: Words) -> list[tuple[str, int]]:
        """The words that occur after a context as a whole, with their counts, the most frequent first.

        Args:
            context: any number of words. Of none, all words occur after it.

        Raises:
            ValueError: the context has ``<s>`` or ``</s>``.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b c d", "a b d", "b d"]).continuations("a b")
            [('c', 1), ('d', 1)]
        """
        words, counts = self._index.followers(self._context(context))
        return [(self._index.word(int(words[i])), int(counts[i])) for i in _by_count(counts)]

    def next(self, context: Words = "", k: int = 10) -> list[tuple[str, float]]:
        """The words that come next in the texts after the longest end of a context that occurs there.

        Args:
            context: any number of words.
            k: how many, at most.

        Returns:
            The k most frequent ones with their share, which is P(word | context).

        Raises:
            ValueError: the context has ``<s>`` or ``</s>``; ``k`` is negative.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b c", "a b c", "a b d"]).next("zz b", k=1)
            [('c', 0.666...)]
        """
        words, k = self._context(context), integer("k", k, 0, 2**63)
        length, count = self._index.longest_match(words)
        found, counts = self._index.followers(words[len(words) - length :])
        return [(self._index.word(int(found[i])), int(counts[i]) / count) for i in _by_count(counts)[:k]]

    def probability(self, word: str, context: Words = "") -> float:
        """P(word | context): its share of what follows the longest end of the context that occurs.

        It is 0 for most words after a long context: this says what the texts have, and is no smoothed model.

        Args:
            word: one word; ``</s>`` for the end of the document.
            context: any number of words.

        Raises:
            ValueError: ``word`` is not one word; the context has ``<s>`` or ``</s>``.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b c", "a b d"]).probability("c", "a b")
            0.5
        """
        asked, words = self._ngram(word), self._context(context)
        if len(asked) != 1:
            raise ValueError(f"expected one word, got {word!r}")
        length, count = self._index.longest_match(words)
        return int(self._index.counts([[*words[len(words) - length :], *asked]])[0]) / count

    def occurrences(self, ngram: Words, limit: int | None = 10) -> list[Occurrence]:
        """Where an n-gram stands.

        Args:
            ngram: any number of words.
            limit: only the first ones, in the order of reading; None: all.

        Raises:
            ValueError: as :meth:`count`; ``limit`` is negative.

        Example:
            >>> from fastlm import ngram
            >>> [found.around(1) for found in ngram.index_documents(["a b", "x b c"]).occurrences("b")]
            ['a [b]', 'x [b] c']
        """
        words = self._ngram(ngram)
        if limit is not None and integer("limit", limit, 0, 2**63) == 0:
            return []
        return [self._occurrence(int(i), len(words)) for i in self._index.occurrences(words, limit or 0)]

    def documents(self, ngram: Words, limit: int | None = 10) -> list[FoundDocument]:
        """The documents that an n-gram stands in.

        Args:
            ngram: any number of words.
            limit: only the first ones, in the order of reading; None: all.

        Raises:
            ValueError: as :meth:`count`; ``limit`` is negative.

        Example:
            >>> from fastlm import ngram
            >>> for found in ngram.index_documents(["a b a", "x", "b a"]).documents("a"):
            ...     print(found.document, found.count, found.first.around())
            0 2 [a] b a
            2 1 b [a]
        """
        words = self._ngram(ngram)
        some = None if limit is None else integer("limit", limit, 0, 2**63)
        rows = zip(*(numbers[:some].tolist() for numbers in self._index.documents(words)), strict=True)
        return [FoundDocument(i, n, self._occurrence(first, len(words))) for i, n, first in rows]

    def document(self, number: int) -> str:
        """The words of a document.

        Raises:
            ValueError: there is no such document.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b", "c"]).document(0)
            'a b'
        """
        begin, end = self._index.document(integer("number", number, 0, self.document_count - 1))
        return " ".join(self._index.words(begin, end - 1))

    def match_lengths(self, text: str, *, errors: str = "strict", threads: int = 0) -> NDArray[np.uint64]:
        """For each word of a text, how many words from it on occur side by side.

        Args:
            text: words between ASCII white space.
            errors: see :func:`fastlm.ngram.index`.
            threads: 0: one for each processor.

        Returns:
            [words] lengths; 0 for a word that does not occur.

        Raises:
            ValueError: as :meth:`contamination`.

        Example:
            >>> from fastlm import ngram
            >>> ngram.index_documents(["a b c", "c d"]).match_lengths("b c d x").tolist()
            [2, 2, 1, 0]
        """
        return self._matcher_of(text, errors).lengths(integer("threads", threads, 0, 1024))

    def contamination(
        self,
        texts: Texts,
        min_length: int = 8,
        *,
        column: str | None = None,
        errors: str = "strict",
        threads: int = 0,
    ) -> Contamination:
        r"""Looks for what a text and the index have in common: every match of at least so many words.

        A match goes on over the ends of lines of the text, as in an index whose documents are files.

        Args:
            texts: as for :func:`fastlm.ngram.index`: files, not words.
            min_length: words of the shortest match that counts.
            column: of Parquet, Arrow and JSON Lines, see :func:`fastlm.ngram.index`.
            errors: what is done about invalid UTF-8 in the text, see :func:`fastlm.ngram.index`.
            threads: 0: one for each processor.

        Raises:
            OSError: a file cannot be read.
            ValueError: ``min_length`` is less than 1; what :func:`fastlm.ngram.index` refuses of a text.

        Example:
            >>> import io
            >>> test = io.BytesIO(b"he said that\nthe cat sat on the mat today\n")
            >>> from fastlm import ngram
            >>> report = ngram.index_documents(["the cat sat on the mat"]).contamination(test, min_length=5)
            >>> report.coverage
            0.6
            >>> [(span.line, span.text, span.example.document) for span in report.spans]
            [(2, 'the cat sat on the mat', 0)]
        """
        matcher = engine.Matcher(self._index, errors=errors)
        read_sources(matcher, texts, lambda: None, Format(self.tokenization, errors, column))
        return self._contamination(matcher, min_length, threads)

    def contamination_of(
        self, text: str, min_length: int = 8, *, errors: str = "strict", threads: int = 0
    ) -> Contamination:
        """As :meth:`contamination`, of a text in memory.

        Args:
            text: words between ASCII white space.
            min_length: words of the shortest match that counts.
            errors: see :meth:`contamination`.
            threads: 0: one for each processor.

        Raises:
            ValueError: as :meth:`contamination`.
        """
        return self._contamination(self._matcher_of(text, errors), min_length, threads)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a file that :func:`fastlm.ngram.load` maps into memory.

        It is written under another name and renamed at the end, so that the file is never a part of one.

        Raises:
            OSError: the file cannot be written.
        """
        self._index.save(os.fsencode(path))

    def __repr__(self) -> str:
        return f"<SuffixIndex: {self.tokens:,} tokens, {self.document_count:,} documents>"

    def _occurrence(self, position: int, length: int) -> Occurrence:
        document = self._index.document_of(position)
        source, line, _ = self._index.place_of(position)
        begin, _ = self._index.document(document)
        return Occurrence(document, position - begin, source, line, length, self._index, position)

    def _ngram(self, text: Words) -> list[str]:
        words = self.tokenization.words(text)
        if not words:
            raise ValueError("expected an n-gram of at least one word, got none")
        if BEGIN in words:
            raise ValueError(f"an index has no {BEGIN!r}, only {END!r} at the end of a document; got {text!r}")
        if END in words[:-1]:
            raise ValueError(f"an n-gram lies in one document: {END!r} only as its last word; got {text!r}")
        return words

    def _context(self, text: Words) -> list[str]:
        words = self.tokenization.words(text)
        if BEGIN in words or END in words:
            raise ValueError(f"a context lies in one document: no {BEGIN!r}, no {END!r}; got {text!r}")
        return words

    def _matcher_of(self, text: str, errors: str) -> engine.Matcher:
        if not isinstance(text, str):
            raise TypeError(f"expected a text as a str, got {text!r}")
        matcher = engine.Matcher(self._index, errors=errors)
        matcher.begin("text")
        for line in self.tokenization.lines(text.split("\n")):
            matcher.add(line.encode(errors="surrogatepass") + b"\n")  # invalid UTF-8, for which there is a policy
        return matcher

    def _contamination(self, matcher: engine.Matcher, min_length: int, threads: int) -> Contamination:
        least = integer("min_length", min_length, 1, 2**63)
        words, covered, longest, spans = matcher.contamination(least, integer("threads", threads, 0, 1024))
        found = [
            MatchedSpan(source, line, begin, length, count, self._occurrence(example, length))
            for source, line, begin, length, count, example in spans
        ]
        return Contamination(words, covered, longest, least, found)


def _by_count(counts: NDArray[np.uint64]) -> NDArray[np.int64]:
    return np.argsort(-counts.astype(np.int64), kind="stable")
