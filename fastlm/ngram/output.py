"""Files of text that get their name when they are whole, compressed by it."""

from __future__ import annotations

import bz2
import errno
import gzip
import lzma
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import BinaryIO, cast


@contextmanager
def created(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A file to write, compressed by its name. It gets its name at the end, if nothing is raised."""
    name = os.fspath(path)
    if name == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if os.path.isdir(name):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    special = os.path.exists(name) and not stat.S_ISREG(os.stat(name).st_mode)  # a pipe or a device
    temporary = name if special else f"{name}.tmp{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            with _compressing(file, os.path.splitext(name)[1]) as compressed:
                yield compressed
            file.flush()
            if not special:
                os.fsync(file.fileno())
        if not special:
            os.replace(temporary, name)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename in (None, temporary):
            error.filename = name  # a write names no file
        if not special and os.path.exists(temporary):
            os.unlink(temporary)
        raise


@contextmanager
def _compressing(file: BinaryIO, suffix: str) -> Iterator[BinaryIO]:
    writers: dict[str, Callable[[], AbstractContextManager[object]]] = {
        ".gz": partial(gzip.GzipFile, "", "wb", 6, file, mtime=0),
        ".bz2": partial(bz2.BZ2File, file, "wb"),
        ".xz": partial(lzma.LZMAFile, file, "wb"),
        ".zst": partial(_zstandard_writer, file),
    }
    with writers.get(suffix, partial(nullcontext, file))() as compressed:
        yield cast(BinaryIO, compressed)


def _zstandard_writer(file: BinaryIO) -> BinaryIO:
    try:
        import zstandard
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "writing Zstandard's data needs the package zstandard; pip install zstandard", name="zstandard"
        ) from None
    return zstandard.ZstdCompressor(write_checksum=True).stream_writer(file, closefd=False)
