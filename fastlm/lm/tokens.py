"""Texts larger than memory: numbers of words in a file that is mapped, with the vocabulary that they are of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from fastlm.lm.files import Path, written
from fastlm.lm.vocabulary import Vocabulary

_TYPES: dict[str, np.dtype[Any]] = {"U16": np.dtype("<u2"), "U32": np.dtype("<u4")}


@dataclass(frozen=True)
class Tokens:
    """A text in a file."""

    ids: np.memmap[Any, Any]
    """[N] of unsigned integers; what is not looked at is not read."""
    vocabulary: Vocabulary


def write_tokens(path: Path, sentences: Iterable[str], vocabulary: Vocabulary) -> Tokens:
    """Writes the numbers of the words of sentences, each ended by ``</s>``, as :meth:`Vocabulary.encode` gives them.

    The file is a safetensors file with the tensor ``ids`` and the vocabulary in its metadata. It grows under another
    name and is renamed at the end; little memory is needed.

    Args:
        path: of the file.
        sentences: read once.
        vocabulary: others of its words become ``<unk>``.

    Raises:
        ValueError: there is no sentence.
        OSError: the file cannot be written; one that was there is as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     tokens = write_tokens(f"{folder}/tokens", ["a b", "b"], Vocabulary(["a", "b"]))
        >>> tokens.ids
        memmap([2, 3, 1, 3, 1], dtype=uint16)
    """
    kind = "U16" if len(vocabulary) <= 1 << 16 else "U32"
    facts = {"kind": "tokens", "vocabulary": vocabulary.to_json()}
    number = 0
    with written(path) as temporary:
        with open(temporary, "wb") as file:
            room = _write_header(file, facts, kind, number)
            for block in vocabulary.encode_blocks(sentences, _TYPES[kind]):
                file.write(block.tobytes())
                number += len(block)
            if not number:
                raise ValueError("expected text with at least one sentence, got none")
            file.seek(0)
            _write_header(file, facts, kind, number, room)
        return read_tokens(temporary, os.fspath(path))


def read_tokens(path: Path, name: str | None = None) -> Tokens:
    """Maps a file that :func:`write_tokens` wrote.

    Args:
        path: of the file.
        name: in messages, if it is another.

    Raises:
        ValueError: it is something else, or a part of one.
        OSError: it cannot be read.
    """
    name = name or os.fspath(path)
    with open(path, "rb") as file:
        header = _header(file)
        size = os.fstat(file.fileno()).st_size
        begin = file.tell()
    if header is None or _facts(header).get("kind") != "tokens":
        raise ValueError(f"{name}: is no token file of fastlm; make one: fastlm lm encode, or fastlm.lm.write_tokens")
    entry = header["ids"]
    if size - begin != entry["data_offsets"][1]:
        raise ValueError(f"{name}: is damaged: expected {entry['data_offsets'][1]} bytes of tokens, got {size - begin}")
    ids = np.memmap(path, _TYPES[entry["dtype"]], "r", begin, tuple(entry["shape"]))
    return Tokens(ids, Vocabulary.from_json(_facts(header)["vocabulary"]))


def are_tokens(path: Path) -> bool:
    """Whether a file is one for :func:`read_tokens`."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        header = _header(file)
    return header is not None and _facts(header).get("kind") == "tokens"


def _write_header(file: BinaryIO, facts: dict[str, Any], kind: str, number: int, room: int = 0) -> int:
    """Safetensors' header: its length, JSON, spaces; returns the length, with room for a larger number."""
    entry = {"dtype": kind, "shape": [number], "data_offsets": [0, number * _TYPES[kind].itemsize]}
    metadata = {"fastlm": json.dumps(facts, ensure_ascii=False)}
    text = json.dumps({"__metadata__": metadata, "ids": entry}).encode()
    length = room or -(-(len(text) + 40) // 8) * 8
    file.write(length.to_bytes(8, "little") + text.ljust(length))
    return length


def _header(file: BinaryIO) -> dict[str, Any] | None:
    """The header of a safetensors file; None if it is none."""
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= os.fstat(file.fileno()).st_size - 8 or file.read(1) != b"{":
        return None
    try:
        header = json.loads(b"{" + file.read(length - 1))
    except ValueError:
        return None
    return header if isinstance(header, dict) else None


def _facts(header: dict[str, Any]) -> dict[str, Any]:
    return json.loads(header.get("__metadata__", {}).get("fastlm", "{}"))
