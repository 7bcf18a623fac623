"""From text to counts."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from fastlm import _ngram as engine
from fastlm.ngram._engine import MAX_ORDER, Words, integer, size_in_bytes, words_of
from fastlm.ngram.inputs import Format, Place, Sentences, Texts, read_sources, sources_of
from fastlm.ngram.resuming import Journal
from fastlm.ngram.table import Table
from fastlm.ngram.tokenization import WHITESPACE, Tokenization, Tokenizer

P = ParamSpec("P")
R = TypeVar("R")

_NO_LIMIT = 2**64 - 1


def count(
    texts: Texts,
    order: int = 5,
    *,
    tokenizer: Tokenizer | Tokenization = WHITESPACE,
    lower: bool = False,
    sentences: str = "line",
    column: str | None = None,
    vocabulary: Iterable[str] | None = None,
    end_id: int | None = None,
    min_count: int = 1,
    max_vocabulary: int | None = None,
    errors: str = "strict",
    reserved: str = "error",
    threads: int = 0,
    memory: int | str | None = None,
    temp_dir: str | os.PathLike[str] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Table:
    r"""Counts every n-gram of order 1 to ``order`` of a text.

    A line is a sentence; its words stand between ASCII white space. Each sentence is counted with ``<s>`` before and
    ``</s>`` after it. gzip, Zstandard, bzip2 and xz, Parquet and Arrow files are told by their first bytes, whatever
    the name.

    Args:
        texts: a path of a file, a pattern such as ``"corpus/*.gz"``, a folder with all that is below it, ``"-"`` for
            standard input, a file open for reading bytes, a table or column of Arrow's (pyarrow, polars), an array of
            ids, or several of these. A list of str inside of a list is a sentence, given as its tokens; an array
            inside of a list without ``end_id`` is one, given as ids.
        order: words of the longest n-grams, 1 to 32.
        tokenizer: what the tokens are: see :class:`fastlm.ngram.Tokenization`. Tokens that come as such stay as they
            are.
        lower: put the text into lower case.
        sentences: ``"line"``, or ``"split"``: lines are cut into sentences by Unicode's rules.
        column: of Parquet, Arrow and JSON Lines, which has text (its lines are sentences), lists of tokens, or lists
            of ids. With it all other files are taken as JSON Lines.
        vocabulary: all other words are counted as ``<unk>``. None: the words of the text are the vocabulary. Of ids
            it gives the words: ``vocabulary[id]``.
        end_id: the id that ends a sentence; its word is not counted.
        min_count: words that occur less often are counted as ``<unk>``. Not with ``vocabulary``.
        max_vocabulary: only so many words, the most frequent ones, are kept; None: all. Not with ``vocabulary``.
        errors: what is done about invalid UTF-8: ``"strict"`` raises, ``"replace"`` puts U+FFFD in its place,
            ``"ignore"`` leaves it out.
        reserved: what ``<unk>``, ``<s>`` and ``</s>`` as words of the text are. ``"error"``: ``<unk>`` is an unknown
            word, the others raise; ``"skip"``: all are white space; ``"unknown"``: all are unknown words.
        threads: 0: one for each processor.
        memory: what counting may take, in bytes or as ``"2G"``; what does not fit goes into temporary files, and takes
            longer. None: as much as it takes. The table that is returned is beside it.
        temp_dir: where temporary files are; None: ``$TMPDIR``, or ``/tmp``.
        progress: called with the number of tokens so far, while the text is read.

    Returns:
        The table of counts.

    Raises:
        OSError: a file cannot be read, or a pattern or folder has none.
        ValueError: an argument is out of range; the corpus has no word; the text is not one (a byte 0, invalid UTF-8,
            ``<s>`` or ``</s>`` as a word, if that is an error; the message has file and line); compressed data is
            damaged; a column is missing; an id has no word.
        TypeError: an input is of another type.
        ModuleNotFoundError: a package that reads the file, or tokenises it, is not there.

    Example:
        >>> import io
        >>> table = count(io.BytesIO(b"the cat sat\nthe cat ran\n"), order=2)
        >>> table["the cat"], table["<s> the"], table.tokens
        (2, 2, 8)
        >>> count([["New York", "is", "big"]], order=1).vocabulary[3:]
        ['New␣York', 'is', 'big']
    """
    counter, tokenization = read(
        texts,
        order,
        tokenizer=tokenizer,
        lower=lower,
        sentences=sentences,
        column=column,
        vocabulary=vocabulary,
        end_id=end_id,
        min_count=min_count,
        max_vocabulary=max_vocabulary,
        errors=errors,
        reserved=reserved,
        threads=threads,
        memory=memory,
        temp_dir=temp_dir,
        progress=progress,
    )
    return Table(counter.finish(), tokenization)


def read(
    texts: Texts,
    order: int,
    *,
    tokenizer: Tokenizer | Tokenization,
    lower: bool,
    sentences: str,
    column: str | None,
    vocabulary: Iterable[str] | None,
    end_id: int | None,
    min_count: int,
    max_vocabulary: int | None,
    errors: str,
    reserved: str,
    threads: int,
    memory: int | str | None,
    temp_dir: str | os.PathLike[str] | None,
    progress: Callable[[int], object] | None,
    journal: Journal | None = None,
) -> tuple[engine.Counter, Tokenization]:
    """A counter that has read the texts, and how they became tokens; arguments as for :func:`count`.

    The journal keeps what has been read.
    """
    words = _listed(vocabulary)
    tokenization = (
        tokenizer if isinstance(tokenizer, Tokenization) else Tokenization(tokenizer, lower=lower, sentences=sentences)
    )
    counter = engine.Counter(
        integer("order", order, 1, MAX_ORDER),
        vocabulary=None if words is None else _of_counter(words, end_id),
        min_count=integer("min_count", min_count, 1, _NO_LIMIT),
        max_vocabulary=integer("max_vocabulary", max_vocabulary or 0, 0, _NO_LIMIT),
        errors=errors,
        reserved=reserved,
        threads=integer("threads", threads, 0, 1024),
        memory=size_in_bytes(memory),
        temp_dir=os.fspath(temp_dir or ""),
        tokenization="" if tokenization == Tokenization() else tokenization.to_json(),
    )
    place, format = Place(), Format(tokenization, errors, column, words, end_id)
    stage = stage_of(progress)
    if stage and isinstance(texts, str | os.PathLike | list | tuple):
        place.measure(sources_of(texts))

    def report() -> None:
        if progress:
            progress(counter.tokens)
        if stage:
            stage("reading", place.share())

    if journal is None:
        read_sources(counter, texts, report, format, place)
    else:
        journal.read_sources(counter, texts, report, format, str(reserved), place)
    return counter, tokenization


def stage_of(progress: object) -> Callable[[str, float | None], object] | None:
    """What a progress wants to be called with for each stage of the work, and the share of it, if it is known."""
    return getattr(progress, "stage", None)


def _options_of(like: Callable[Concatenate[Any, P], R]) -> Callable[..., Callable[Concatenate[Iterable[Words], P], R]]:
    """A decorator for what passes all but its first argument on: type checkers and help() see the options."""

    def give(function: Callable[..., R]) -> Callable[Concatenate[Iterable[Words], P], R]:
        own, options = inspect.signature(function), inspect.signature(like)
        first = next(iter(own.parameters.values()))
        vars(function)["__signature__"] = options.replace(parameters=[first, *list(options.parameters.values())[1:]])
        return cast(Any, function)

    return give


@_options_of(count)
def count_sentences(texts: Iterable[Words], /, *args: Any, **options: Any) -> Table:
    """Counts every n-gram of order 1 to ``order`` of sentences in memory.

    Args:
        texts: each a str, to be tokenised, or a list of tokens. A line end inside of one is white space.
        *args: ``order``, as for :func:`count`.
        **options: as for :func:`count`.

    Raises:
        TypeError: a sentence is neither.
        ValueError: as :func:`count`; the line in the message is the number of the sentence.

    Example:
        >>> table = count_sentences(["a b a", ["a", "b"]], order=2)
        >>> table.counts, table["a b"], table["b a"]
        ([4, 5], 2, 1)
    """
    return count(Sentences(texts), *args, **options)


def _listed(vocabulary: Iterable[str] | None) -> list[str] | None:
    if isinstance(vocabulary, str):
        raise TypeError("vocabulary must be a collection of words, got one str")
    return None if vocabulary is None else list(vocabulary)


def _of_counter(words: Sequence[str], end_id: int | None) -> list[str]:
    """The words that can be counted: the end of a sentence is none."""
    return words_of([word for i, word in enumerate(words) if i != end_id])
