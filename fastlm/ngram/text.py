"""Texts as blocks of bytes: files, plain or compressed, standard input, open files, sentences in memory."""

from __future__ import annotations

import bz2
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, Protocol

Source = str | os.PathLike[str] | BinaryIO
"""A path, ``"-"`` for standard input, or a file that is open for reading bytes."""

_BLOCK = 1 << 18
_SENTENCES_IN_A_BLOCK = 4096


class Reader(Protocol):
    """What takes a text: fastlm._ngram's Counter and Evaluator."""

    def begin(self, source: str) -> None:
        """What follows is a new text of this name."""

    def add(self, block: bytes) -> None:
        """More of it."""


def sources_of(texts: Source | Iterable[Source]) -> list[Source]:
    """One source or several, as a list.

    >>> sources_of("a.txt"), sources_of(["a.txt", "-"])
    (['a.txt'], ['a.txt', '-'])

    Raises:
        ValueError: there is none.
    """
    if isinstance(texts, str | os.PathLike) or hasattr(texts, "read"):
        return [texts]  # type: ignore[list-item]
    sources = list(texts)  # type: ignore[arg-type]
    if not sources:
        raise ValueError("expected at least one text, got none")
    return sources  # type: ignore[return-value]


def read_sources(reader: Reader, texts: Source | Iterable[Source], after_block: Callable[[], object]) -> None:
    """Gives every text to the reader, block by block.

    Raises:
        OSError: a file cannot be read.
        ValueError: compressed data is damaged or truncated, or what the reader refuses.
        ModuleNotFoundError: Zstandard's data without the package zstandard.
    """
    for source in sources_of(texts):
        with _opened(source) as (name, file):
            reader.begin(name)
            for block in _plain(_blocks(name, file), name):
                reader.add(block)
                after_block()


def read_sentences(reader: Reader, sentences: Iterable[str], after_block: Callable[[], object]) -> None:
    """Gives sentences from memory to the reader, each as a line. A line end inside of one is white space.

    Raises:
        TypeError: a sentence is not a str.
        ValueError: what the reader refuses; its line is the number of the sentence.
    """
    if isinstance(sentences, str):
        raise TypeError("expected several sentences, got one str; put it into a list")
    reader.begin("sentences")
    lines: list[bytes] = []
    for sentence in sentences:
        if not isinstance(sentence, str):
            raise TypeError(f"expected each sentence as a str, got {sentence!r}")
        # surrogates become invalid UTF-8, for which the reader has a policy
        lines.append(sentence.replace("\n", " ").encode(errors="surrogatepass"))
        if len(lines) == _SENTENCES_IN_A_BLOCK:
            reader.add(b"\n".join(lines) + b"\n")
            after_block()
            lines.clear()
    reader.add(b"".join(line + b"\n" for line in lines))
    after_block()


@contextmanager
def _opened(source: Source) -> Iterator[tuple[str, BinaryIO]]:
    if not isinstance(source, str | os.PathLike):
        yield str(getattr(source, "name", "open file")), source
    elif os.fspath(source) == "-":
        yield "standard input", sys.stdin.buffer
    else:
        with open(source, "rb") as file:
            yield os.fsencode(source).decode(errors="replace"), file


def _blocks(name: str, file: BinaryIO) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)  # read1 gives what a pipe has, without waiting for a whole block
    while block := read(_BLOCK):
        if not isinstance(block, bytes):
            raise TypeError(f"{name}: expected a file open for reading bytes, got one for text; open it with 'rb'")
        yield block


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def _zstandard() -> _Decompressor:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "reading Zstandard's data needs the package zstandard; pip install zstandard, or pipe it: zstd -dc ... | ",
            name="zstandard",
        ) from None
    return zstandard.ZstdDecompressor().decompressobj()


_FORMATS: dict[str, tuple[bytes, Callable[[], _Decompressor]]] = {
    "gzip": (b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)),
    "zstd": (b"\x28\xb5\x2f\xfd", _zstandard),
    "bzip2": (b"BZh", bz2.BZ2Decompressor),
    "xz": (b"\xfd7zXZ\0", lzma.LZMADecompressor),
}
_LONGEST_MAGIC = max(len(magic) for magic, _ in _FORMATS.values())


def _plain(blocks: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The blocks, decompressed if their first bytes say that they are compressed."""
    head = b""
    while len(head) < _LONGEST_MAGIC and (block := next(blocks, b"")):
        head += block
    blocks = chain([head], blocks)
    for kind, (magic, make) in _FORMATS.items():
        if head.startswith(magic):
            return _decompressed(blocks, name, kind, make)
    return blocks


def _decompressed(blocks: Iterator[bytes], name: str, kind: str, make: Callable[[], _Decompressor]) -> Iterator[bytes]:
    decompressor = make()
    for block in blocks:
        data = block
        while data:
            if decompressor.eof:  # another member or frame; zeros between them are padding
                data = data.lstrip(b"\0")
                if not data:
                    break
                decompressor = make()
            try:
                plain = decompressor.decompress(data)
            except Exception as error:  # each format has a type of its own
                raise ValueError(f"{name}: the {kind} data is damaged ({error})") from error
            if plain:
                yield plain
            data = decompressor.unused_data if decompressor.eof else b""
    if not decompressor.eof:
        raise ValueError(f"{name}: the {kind} data is truncated: its end is missing")
