"""From text to counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from fastlm import _ngram as engine
from fastlm.ngram._engine import MAX_ORDER, integer, words_of
from fastlm.ngram.table import Table
from fastlm.ngram.text import Source, read_sentences, read_sources

_NO_LIMIT = 2**64 - 1


def count(
    texts: Source | Iterable[Source],
    order: int = 5,
    *,
    vocabulary: Iterable[str] | None = None,
    min_count: int = 1,
    max_vocabulary: int | None = None,
    errors: str = "strict",
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Table:
    r"""Counts every n-gram of order 1 to ``order`` of a text.

    A line is a sentence; its words stand between ASCII white space. Each sentence is counted with ``<s>`` before and
    ``</s>`` after it. gzip, Zstandard, bzip2 and xz are told by their first bytes, whatever the name.

    Args:
        texts: a path, ``"-"`` for standard input, a file open for reading bytes, or several of them.
        order: words of the longest n-grams, 1 to 32.
        vocabulary: all other words are counted as ``<unk>``. None: the words of the text are the vocabulary.
        min_count: words that occur less often are counted as ``<unk>``. Not with ``vocabulary``.
        max_vocabulary: only so many words, the most frequent ones, are kept; None: all. Not with ``vocabulary``.
        errors: what is done about invalid UTF-8: ``"strict"`` raises, ``"replace"`` puts U+FFFD in its place,
            ``"ignore"`` leaves it out.
        threads: 0: one for each processor.
        progress: called with the number of tokens so far, while the text is read.

    Returns:
        The table of counts.

    Raises:
        OSError: a file cannot be read.
        ValueError: an argument is out of range; the corpus has no word; the text is not one (a byte 0, invalid UTF-8,
            ``<s>`` or ``</s>`` as a word; the message has file and line); compressed data is damaged.
        ModuleNotFoundError: the text is compressed by Zstandard, and the package zstandard is not there.

    Example:
        >>> import io
        >>> table = count(io.BytesIO(b"the cat sat\nthe cat ran\n"), order=2)
        >>> table["the cat"], table["<s> the"], table.tokens
        (2, 2, 8)
    """
    counter = _counter(order, vocabulary, min_count, max_vocabulary, errors, threads)
    read_sources(counter, texts, _report(progress, counter))
    return Table(counter.finish())


def count_sentences(
    sentences: Iterable[str],
    order: int = 5,
    *,
    vocabulary: Iterable[str] | None = None,
    min_count: int = 1,
    max_vocabulary: int | None = None,
    errors: str = "strict",
    threads: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Table:
    """Counts every n-gram of order 1 to ``order`` of sentences in memory.

    Args:
        sentences: each a str, its words between ASCII white space.
        order: as all that follow, see :func:`count`.
        vocabulary: see :func:`count`.
        min_count: see :func:`count`.
        max_vocabulary: see :func:`count`.
        errors: see :func:`count`; here for surrogates, which UTF-8 does not have.
        threads: see :func:`count`.
        progress: see :func:`count`.

    Raises:
        TypeError: a sentence is not a str.
        ValueError: as :func:`count`; the line in the message is the number of the sentence.

    Example:
        >>> table = count_sentences(["a b a", "a b"], order=2)
        >>> table.counts, table["a b"], table["b a"]
        ([4, 5], 2, 1)
    """
    counter = _counter(order, vocabulary, min_count, max_vocabulary, errors, threads)
    read_sentences(counter, sentences, _report(progress, counter))
    return Table(counter.finish())


def _counter(
    order: int,
    vocabulary: Iterable[str] | None,
    min_count: int,
    max_vocabulary: int | None,
    errors: str,
    threads: int,
) -> engine.Counter:
    if isinstance(vocabulary, str):
        raise TypeError("vocabulary must be a collection of words, got one str")
    return engine.Counter(
        integer("order", order, 1, MAX_ORDER),
        vocabulary=None if vocabulary is None else words_of(list(vocabulary)),
        min_count=integer("min_count", min_count, 1, _NO_LIMIT),
        max_vocabulary=integer("max_vocabulary", max_vocabulary or 0, 0, _NO_LIMIT),
        errors=errors,
        threads=integer("threads", threads, 0, 1024),
    )


def _report(progress: Callable[[int], object] | None, counter: engine.Counter) -> Callable[[], object]:
    return (lambda: None) if progress is None else (lambda: progress(counter.tokens))
