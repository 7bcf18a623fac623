"""Reading that goes on where a killed process was: what has been read is kept in a folder.

The folder has the tokens and the words so far, both only ever added to, and a manifest: of what texts they are, how
many of them are valid, and where in which text to go on. The manifest is replaced by renaming, after what it speaks of
is on the disk; so it is true at any moment, and what stands behind its end is cut off.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path as File
from types import TracebackType
from typing import Any, BinaryIO

from fastlm import _ngram as engine
from fastlm.ngram.inputs import Format, Place, Texts, read_sources, sources_of

_VERSION = 1
_EVERY = 64 << 20
"""Bytes of text after which the manifest is written."""
_AT_ONCE = 1 << 18
_NAMES = ("lock", "tokens", "words", "manifest", "manifest.new")


class Journal:
    """A folder of what has been read. Left without an error, it is removed; otherwise it stays for the next run.

    Args:
        outputs: what is made of it; the folder stands beside the first one. There may be one, of a run that was killed.

    Raises:
        OSError: it cannot be made.
        ValueError: another process uses it, or it is a folder of something else.
    """

    def __init__(self, outputs: Sequence[str]) -> None:
        folder = outputs[0] + ".work"
        self._folder = File(folder)
        self._folder.mkdir(exist_ok=True)
        others = sorted({path.name for path in self._folder.iterdir()} - set(_NAMES))
        if others:
            raise ValueError(f"{folder}: is needed for resume, and holds something else: {others[0]}; rename it")
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise ValueError(f"{folder}: another process is at work there; wait for it, or end it") from None
        process = os.pread(self._lock, 20, 0).decode(errors="replace")
        if process.isdecimal():  # it was killed, and had not the time to remove these
            for output in outputs:
                File(f"{output}.tmp{process}").unlink(missing_ok=True)
        os.truncate(self._lock, 0)
        os.pwrite(self._lock, b"%d" % os.getpid(), 0)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None or not (self._folder / "manifest").exists():
            for name in ("manifest", *_NAMES):  # without a manifest the others mean nothing
                (self._folder / name).unlink(missing_ok=True)
            self._folder.rmdir()
        os.close(self._lock)

    def read_sources(
        self,
        counter: engine.Counter,
        texts: Texts,
        after_block: Callable[[], object],
        format: Format,
        reserved: str,
        place: Place,
    ) -> None:
        """Gives the texts to the counter, as :func:`fastlm.ngram.inputs.read_sources`, but what it had before.

        Raises:
            ValueError: the texts are not files; the folder is of others, or damaged.
        """
        files = list(sources_of(texts))
        about = {
            "version": _VERSION,
            "texts": [_fingerprint(file) for file in files],
            "tokenizer": _short(format.tokenization.to_json()),
            "column": format.column,
            "vocabulary": format.vocabulary and _short("\n".join(format.vocabulary)),
            "end_id": format.end_id,
            "errors": str(format.errors),
            "reserved": reserved,
        }
        kept = self._kept()
        if kept:
            self._compare(kept["about"], about)
        with open(self._folder / "tokens", "a+b") as tokens, open(self._folder / "words", "a+b") as words:
            reader = _Reader(counter, self._folder / "manifest", about, _Part(tokens), _Part(words), place)
            if kept:
                try:
                    reader.restore(kept)
                except (ValueError, KeyError, TypeError) as error:
                    raise self._damaged() from error
                after_block()
            if not reader.complete:

                def keep() -> None:
                    reader.keep_some()
                    after_block()

                read_sources(reader, files, keep, format, place)
                reader.keep(complete=True)

    def _kept(self) -> dict[str, Any] | None:
        """What the manifest has."""
        try:
            check, content = (self._folder / "manifest").read_bytes().split(b"\n", 1)
            if int(check, 16) != zlib.crc32(content):
                raise self._damaged()
            kept = json.loads(content)
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise self._damaged() from error
        return dict(kept)

    def _damaged(self) -> ValueError:
        return ValueError(f"{self._folder}: what the last run has left there is damaged; remove it to begin anew")

    def _compare(self, before: dict[str, Any], now: dict[str, Any]) -> None:
        """Raises a ValueError that says what differs."""
        names = [name for name in now if before[name] != now[name]]
        if not names:
            return
        a, b = before[names[0]], now[names[0]]
        if names[0] == "texts":
            text = next((x["path"] for x, y in zip(a, b, strict=False) if x["path"] == y["path"] and x != y), None)
            what = f"the text {text} has been changed since" if text else f"the texts are not the same: {_list(a)}"
        else:
            what = f"{names[0]} was {a!r}, and is {b!r}"
        raise ValueError(f"{self._folder}: cannot resume: {what}; remove the folder to begin anew")


class _Reader:
    """A counter whose content is kept from time to time."""

    def __init__(
        self, counter: engine.Counter, manifest: File, about: dict[str, Any], tokens: _Part, words: _Part, place: Place
    ) -> None:
        self._counter, self._manifest, self._about = counter, manifest, about
        self._tokens, self._words = tokens, words
        self._tokens_kept, self._words_kept, self._bytes = 0, counter.words, 0
        self._in_text = False  # the counter is in the text that is begun next
        self._place, self.complete = place, False

    def begin(self, source: str) -> None:
        """See :class:`fastlm.ngram.inputs.Reader`."""
        if not self._in_text:
            self._counter.begin(source)
        self._in_text = False

    def add(self, block: bytes) -> None:
        """See :class:`fastlm.ngram.inputs.Reader`."""
        self._counter.add(block)
        self._bytes += len(block)

    def keep_some(self) -> None:
        """Keeps what there is, if that is enough by now."""
        if self._bytes >= _EVERY:
            self._bytes = 0
            self.keep(complete=False)

    def keep(self, complete: bool) -> None:
        """Adds what is new to the files, then replaces the manifest."""
        counter = self._counter
        for begin in range(self._tokens_kept, counter.size, _AT_ONCE):
            self._tokens.append(counter.tokens_at(begin, min(begin + _AT_ONCE, counter.size)))
        for begin in range(self._words_kept, counter.words, _AT_ONCE):
            self._words.append(counter.words_at(begin, min(begin + _AT_ONCE, counter.words)))
        self._tokens_kept, self._words_kept = counter.size, counter.words
        source, line, in_line, partial = counter.reading
        content = json.dumps(
            {
                "about": self._about,
                "tokens": self._tokens.sync(),
                "words": self._words.sync(),
                "place": [self._place.source, self._place.done, self._place.lines],
                "reading": [source, line, in_line, partial.hex()],
                "complete": complete,
            }
        ).encode()
        new = self._manifest.with_name("manifest.new")
        with open(new, "wb") as file:
            file.write(b"%08x\n" % zlib.crc32(content) + content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self._manifest)
        folder = os.open(self._manifest.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def restore(self, kept: dict[str, Any]) -> None:
        """Gives the counter what was kept.

        Raises:
            ValueError: it is damaged.
        """
        self._words.restore(kept["words"], self._counter.restore_words, cut=b"\n")
        self._tokens.restore(kept["tokens"], self._counter.restore_tokens)
        source, line, in_line, partial = kept["reading"]
        self._counter.restore_reading(source, line, in_line, bytes.fromhex(partial))
        self._tokens_kept, self._words_kept = self._counter.size, self._counter.words
        self._place.source, self._place.done, self._place.lines = kept["place"]
        self.complete = kept["complete"]
        self._in_text = True


class _Part:
    """A file that is added to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file  # open for appending
        self._size = self._check = 0

    def append(self, data: bytes) -> None:
        """The first time, what is behind the end goes."""
        self._file.truncate(self._size)
        self._file.write(data)
        self._size += len(data)
        self._check = zlib.crc32(data, self._check)

    def sync(self) -> tuple[int, int]:
        """Size and CRC-32 of what is on the disk now."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._size, self._check

    def restore(self, written: Sequence[int], give: Callable[[bytes], None], cut: bytes = b"") -> None:
        """Gives what was written, as :meth:`sync` has it, in pieces, each with ``cut`` at its end.

        Raises:
            ValueError: it is not what was written.
        """
        self._file.seek(0)
        size = written[0]
        while data := self._file.read(max(0, min(4 * _AT_ONCE, size - self._size))):
            data += self._file.readline() if cut and not data.endswith(cut) else b""
            self._size += len(data)
            self._check = zlib.crc32(data, self._check)
            give(data)
        if [self._size, self._check] != list(written):
            raise ValueError("not what was written")


def _fingerprint(file: Any) -> dict[str, Any]:
    if not isinstance(file, str | os.PathLike) or os.fspath(file) == "-":
        what = "standard input" if isinstance(file, str) else type(file).__name__
        raise ValueError(f"resume needs files, which can be read again from any place; got {what}")
    status = os.stat(file)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"resume needs files, which can be read again from any place; {os.fspath(file)} is none")
    return {"path": os.path.abspath(file), "bytes": status.st_size, "changed": status.st_mtime_ns}


def _short(text: str) -> str:
    """The text, or its beginning and its checksum."""
    return text if len(text) <= 200 else f"{text[:60]}... ({zlib.crc32(text.encode(errors='surrogatepass')):08x})"


def _list(texts: list[dict[str, Any]]) -> str:
    names = [text["path"] for text in texts]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
