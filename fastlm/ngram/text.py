"""Texts as blocks of bytes: files, plain or compressed, patterns, folders, standard input, open files."""

from __future__ import annotations

import bz2
import errno
import glob
import lzma
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import BinaryIO, Protocol

Path = str | os.PathLike[str]
"""Of a file or a folder, a pattern of several, or ``"-"`` for standard input."""

_BLOCK = 1 << 18


def paths_of(path: Path) -> list[str]:
    """The files that a path means: itself, those below a folder, or those that a pattern matches, sorted.

    Names that begin with a dot are left out of folders, and of patterns unless these name the dot.

    Raises:
        OSError: there is no such file, none matches the pattern, or none is in the folder.
    """
    name = os.fspath(path)
    if name == "-":
        return [name]
    if not os.path.lexists(name) and glob.has_magic(name):
        found = sorted(glob.glob(name, recursive=True))
        files = [file for match in found for file in (_files_below(match) if os.path.isdir(match) else [match])]
        if not files:
            raise FileNotFoundError(errno.ENOENT, "No file matches this pattern", name)
        return list(dict.fromkeys(files))  # "**" matches a folder and what is in it
    if not os.path.isdir(name):
        os.stat(name)  # a missing file is found now, not after hours of counting others
        return [name]
    files = _files_below(name)
    if not files:
        raise FileNotFoundError(errno.ENOENT, "No file in this folder", name)
    return files


def _files_below(folder: str) -> list[str]:
    files: list[str] = []
    for parent, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = (os.path.join(parent, name) for name in names if not name.startswith("."))
        files += [file for file in below if os.path.isfile(file)]
    return sorted(files)


def _raise(error: OSError) -> None:
    raise error


@contextmanager
def opened(source: Path | BinaryIO) -> Iterator[tuple[str, BinaryIO]]:
    """The name of a source, for messages, and its bytes."""
    if not isinstance(source, str | os.PathLike):
        yield str(getattr(source, "name", "open file")), source
    elif os.fspath(source) == "-":
        yield "standard input", sys.stdin.buffer
    else:
        with open(source, "rb") as file:
            yield os.fsencode(source).decode(errors="replace"), file


def blocks_of(name: str, file: BinaryIO) -> Iterator[bytes]:
    """What is in a file, decompressed if its first bytes say that it is compressed. The first block has them.

    Raises:
        ValueError: compressed data is damaged or truncated.
        TypeError: the file is open for text.
        ModuleNotFoundError: Zstandard's data without the package zstandard.
    """
    return _plain(_blocks(name, file), name)


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
