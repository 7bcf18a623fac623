"""What can be counted or scored, on its way to the engine: the only place that feeds a Counter or an Evaluator."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Any, BinaryIO, Protocol, cast

import numpy as np

from fastlm.ngram._engine import Words
from fastlm.ngram.columns import MAGICS, Value, arrow_values, file_values, is_arrow, json_values
from fastlm.ngram.ids import IdError, IdWords, is_ids
from fastlm.ngram.text import Path, blocks_of, opened, paths_of
from fastlm.ngram.tokenization import BadTokensError, Tokenization, joined

Source = Any
"""A path, a file open for reading bytes, an array of ids, Arrow data; inside of a list also a sentence of tokens."""
Texts = Path | BinaryIO | np.ndarray | Iterable[Source] | Any

_AT_ONCE = 4096
"""Sentences that are given to the engine together."""
_CHARACTERS_AT_ONCE = 1 << 20
_ERRORS = ("strict", "replace", "ignore")


class Reader(Protocol):
    """What takes a text: fastlm._ngram's Counter and Evaluator."""

    def begin(self, source: str) -> None:
        """What follows is a new text of this name."""

    def add(self, block: bytes) -> None:
        """More of it."""


@dataclass(frozen=True)
class Format:
    """How inputs are to be understood; each field as the argument of :func:`fastlm.ngram.count`."""

    tokenization: Tokenization = field(default_factory=Tokenization)
    errors: str = "strict"
    column: str | None = None
    vocabulary: Sequence[str] | None = None
    end_id: int | None = None


@dataclass
class Place:
    """How far a reader has been given the sources, to go on from there."""

    source: int = 0
    """The number of the one that is read."""
    done: int = 0
    """Bytes of it, or its lines, rows or sentences, that the reader has."""
    lines: int = 0
    """What the reader has counted of it as lines, if these were made here."""
    ends: list[int] = field(default_factory=list)
    """The bytes of all sources up to the end of each, if these are known."""
    file: BinaryIO | None = None
    """What is read."""

    def measure(self, sources: Iterable[Source]) -> None:
        """Finds the sizes of all sources, if these are files."""
        sizes = []
        for source in sources:
            if not isinstance(source, str | os.PathLike) or not os.path.isfile(source):
                return
            sizes.append(os.path.getsize(source))
        self.ends = list(accumulate(sizes))

    def share(self) -> float | None:
        """Of the bytes of all sources that have been read; None if it is not known."""
        if not self.ends or self.ends[-1] == 0:
            return None
        before = self.ends[self.source - 1] if self.source else 0
        at = self.file.tell() if self.file and not self.file.closed else 0
        return min(1.0, (before + at) / self.ends[-1])


@dataclass(frozen=True)
class Sentences:
    """Sentences in memory, each as text or as its tokens."""

    sentences: Iterable[Words]


def sources_of(texts: Texts) -> Iterable[Source]:
    """One source or several, with each path as the files that it means; a list is looked at before it is read.

    >>> list(sources_of("-")), list(sources_of(["-", ["a", "b"]]))
    (['-'], ['-', ['a', 'b']])

    Raises:
        ValueError: there is none.
        OSError: a path is of nothing.
    """
    if _is_one(texts):
        texts = [texts]
    if not isinstance(texts, Iterable):
        raise TypeError(f"expected a path, an open file, an array of ids, Arrow data, or several, got {texts!r}")
    found = (file for text in texts for file in (paths_of(text) if isinstance(text, str | os.PathLike) else [text]))
    return list(found) if isinstance(texts, list | tuple) else found


def read_sources(
    reader: Reader,
    texts: Texts,
    after_block: Callable[[], object],
    format: Format | None = None,
    place: Place | None = None,
) -> None:
    """Gives every text to the reader; what is before a place, if the texts are files, it has already.

    The place keeps up with what the reader has when ``after_block`` is called.

    Raises:
        OSError: a file cannot be read.
        ValueError: compressed data is damaged or truncated, ids or columns do not fit, or what the reader refuses.
        TypeError: a source is of no known type.
        ModuleNotFoundError: a package is needed for this kind of file.
    """
    format = format or Format()
    if format.errors not in _ERRORS:  # the reader's, which does not see what is decoded here
        raise ValueError(f"errors must be one of {', '.join(_ERRORS)}, got {format.errors!r}")
    if isinstance(texts, np.ndarray) and texts.ndim == 2:
        texts = list(texts)
    elif isinstance(texts, np.ndarray) and is_ids(texts) and format.end_id is None:
        raise ValueError("an array of ids needs end_id, the id that ends a sentence; or give a list of arrays")
    first = place.source if place else 0
    feed = _Feed(reader, format.tokenization, after_block, place or Place())
    words: IdWords | None = None
    number, kind = 0, ""  # of the last sentence of tokens or ids
    for index, source in enumerate(sources_of(texts)):
        if index < first:
            continue
        if place and index > place.source:
            feed.next_source(index)
        now = "ids" if is_ids(source) else "sentences" if isinstance(source, list | tuple) else "file"
        if now != kind and now != "file":
            feed.begin(now)
            number = 0
        kind = now
        if now == "ids":
            words = words or IdWords(format.vocabulary, format.end_id)
            number = _read_ids(feed, number + 1, words, source)
        elif now == "sentences":
            number += 1
            feed.tokens(number, source)
        elif isinstance(source, Sentences):
            _read_sentences(feed, source.sentences)
        elif is_arrow(source):
            feed.begin(type(source).__name__, ", row ")
            _read_values(feed, arrow_values(source, format.column), format)
        else:
            _read_file(feed, source, format)
    if not kind:
        raise ValueError("expected at least one text, got none")
    feed.end()


class _Feed:
    """Gathers sentences into blocks, and finds the place of what the reader refuses."""

    def __init__(
        self, reader: Reader, tokenization: Tokenization, after_block: Callable[[], object], place: Place
    ) -> None:
        self._reader, self._tokenization, self._after_block, self._place = reader, tokenization, after_block, place
        self._skip, self._lines_before = place.done, place.lines  # what the reader has already
        self._texts: list[str] = []
        self._lines: list[str] = []
        self._numbers: list[int] = []  # of the place of each text or line that waits
        self._sent = self._size = 0

    def begin(self, name: str, between: str = ":") -> None:
        """What follows has this name; a place in it is written as name, between, number."""
        self.end()
        self._reader.begin(name)
        self._name, self._between, self._sent = name, between, self._lines_before
        self._lines_before = 0

    def next_source(self, number: int) -> None:
        """What follows is the source of this number."""
        self.end()
        self._skip = self._lines_before = 0
        self._place.source, self._place.done, self._place.lines = number, 0, 0

    def opened(self, file: BinaryIO) -> None:
        """What follows comes from this file."""
        self._place.file = file

    def block(self, block: bytes) -> None:
        """A piece of a text that needs nothing done, cut anywhere."""
        if self._skip:
            skipped = min(self._skip, len(block))
            self._skip -= skipped
            block = block[skipped:]
        self._reader.add(block)
        self._place.done += len(block)
        self._after_block()

    def text(self, number: int, text: str) -> None:
        """A line from a place of this number, to be cut into sentences and tokens."""
        if self._lines:
            self.end()
        self._wait(self._texts, number, text)

    def line(self, number: int, line: str) -> None:
        """The tokens of a sentence from a place of this number, joined."""
        if self._texts:
            self.end()
        self._wait(self._lines, number, line)

    def tokens(self, number: int, tokens: Iterable[str]) -> None:
        """The tokens of a sentence."""
        try:
            line = joined(tokens)
        except BadTokensError as error:
            raise ValueError(self.place(number) + str(error)) from None
        self.line(number, line)

    def place(self, number: int) -> str:
        """How a message begins."""
        return f"{self._name}{self._between}{number}: "

    def end(self) -> None:
        """Gives on what waits."""
        numbers, lines = self._numbers, self._lines
        if self._texts:
            numbers, lines = self._tokenised()
        if lines:
            # surrogates become invalid UTF-8, for which the reader has a policy
            block = "".join([line + "\n" for line in lines]).encode(errors="surrogatepass")
            try:
                self._reader.add(block)
            except ValueError as error:
                raise self._at_its_place(error, numbers) from None
            self._sent += len(lines)
            self._place.done += len(self._numbers)
            self._place.lines = self._sent
            self._after_block()
        self._texts, self._lines, self._numbers, self._size = [], [], [], 0

    def _wait(self, where: list[str], number: int, text: str) -> None:
        if self._skip:
            self._skip -= 1
            return
        where.append(text)
        self._numbers.append(number)
        self._size += len(text)
        if len(where) == _AT_ONCE or self._size > _CHARACTERS_AT_ONCE:
            self.end()

    def _tokenised(self) -> tuple[list[int], list[str]]:
        split = self._tokenization.split
        pairs = [(n, part) for n, text in zip(self._numbers, self._texts, strict=True) for part in split(text)]
        numbers, sentences = [n for n, _ in pairs], [sentence for _, sentence in pairs]
        lines: list[str] = []
        try:
            lines.extend(self._tokenization.lines(sentences))
        except BadTokensError as error:
            raise ValueError(self.place(numbers[len(lines)]) + str(error)) from None
        return numbers, lines

    def _at_its_place(self, error: ValueError, numbers: Sequence[int]) -> ValueError:
        """The reader counts the lines that it is given; they may come from rows, or be several of one line."""
        found = re.match(rf"{re.escape(self._name)}:(\d+): ", str(error))
        index = int(found[1]) - self._sent - 1 if found else -1
        if not found or not 0 <= index < len(numbers):
            return error
        return ValueError(self.place(numbers[index]) + str(error)[found.end() :])


def _is_one(texts: object) -> bool:
    return isinstance(texts, str | os.PathLike | np.ndarray | Sentences) or hasattr(texts, "read") or is_arrow(texts)


def _read_sentences(feed: _Feed, sentences: Iterable[Words]) -> None:
    if isinstance(sentences, str):
        raise TypeError("expected several sentences, got one str; put it into a list")
    feed.begin("sentences")
    for number, sentence in enumerate(sentences, 1):
        if isinstance(sentence, str):
            feed.text(number, sentence.replace("\n", " "))
        elif isinstance(sentence, list | tuple):
            feed.tokens(number, sentence)
        else:
            raise TypeError(f"expected each sentence as a str or a list of tokens, got {sentence!r}")


def _read_ids(feed: _Feed, number: int, words: IdWords, ids: np.ndarray | Sequence[int]) -> int:
    """Gives the sentences of ids to the feed; returns the number of the last one."""
    last = number - 1
    try:
        for last, line in enumerate(words.sentences(ids), number):
            feed.line(last, line)
    except IdError as error:
        raise ValueError(feed.place(number) + str(error)) from None
    return last


def _read_file(feed: _Feed, source: Path | BinaryIO, format: Format) -> None:
    if not isinstance(source, str | os.PathLike) and not hasattr(source, "read"):
        raise TypeError(f"expected a path, an open file, tokens, an array of ids or Arrow data, got {source!r}")
    with opened(source) as (name, file):
        feed.opened(file)
        blocks = blocks_of(name, file)
        head = next(blocks, b"")
        magic = next((magic for magic in MAGICS if head.startswith(magic)), None)
        blocks = chain([head], blocks)
        if magic:
            feed.begin(name, ", row ")
            _read_values(feed, file_values(name, _from_its_begin(name, file), magic, format.column), format)
        elif format.column is not None:
            feed.begin(name)
            lines = (
                (n, line) for first, some in _lines(name, blocks, format.errors) for n, line in enumerate(some, first)
            )
            _read_values(feed, json_values(name, lines, format.column), format)
        elif format.tokenization.plain:
            feed.begin(name)
            for block in blocks:
                feed.block(block)
        else:
            feed.begin(name)
            for first, some in _lines(name, blocks, format.errors):
                for number, line in enumerate(some, first):
                    feed.text(number, line)


def _from_its_begin(name: str, file: BinaryIO) -> BinaryIO:
    if not file.seekable():
        raise ValueError(f"{name}: Parquet and Arrow files are read from their end, not through a pipe; give the path")
    file.seek(0)
    return file


def _read_values(feed: _Feed, values: Iterator[tuple[int, Value]], format: Format) -> None:
    words = None
    for number, value in values:
        if isinstance(value, str):  # as a file of this text: its lines are sentences
            for line in value.removesuffix("\n").split("\n") if value else ():
                feed.text(number, line.removesuffix("\r"))
        elif value and isinstance(value[0], int):
            words = words or IdWords(format.vocabulary, format.end_id)
            _read_ids(feed, number, words, value)
        else:
            feed.tokens(number, cast(list[str], value))


def _lines(name: str, blocks: Iterator[bytes], errors: str) -> Iterator[tuple[int, list[str]]]:
    """Pieces of a text as lines without their ends, and the number of the first line of each piece."""
    first = 1
    pieces: list[bytes] = []
    for block in blocks:
        whole, end, rest = block.rpartition(b"\n")
        if end:
            yield first, (lines := _decoded(name, first, b"".join([*pieces, whole]), errors))
            first, pieces = first + len(lines), []
        pieces.append(rest)
    if last := b"".join(pieces):
        yield first, _decoded(name, first, last, errors)


def _decoded(name: str, first: int, text: bytes, errors: str) -> list[str]:
    try:
        decoded = text.decode(errors=errors)
    except UnicodeDecodeError as error:
        line = first + text.count(b"\n", 0, error.start)
        raise ValueError(
            f"{name}:{line}: invalid UTF-8: byte {text[error.start]} in a word; "
            "errors='replace' or 'ignore' would accept it"
        ) from None
    return [line.removesuffix("\r") for line in decoded.split("\n")]
