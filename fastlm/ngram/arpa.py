"""ARPA files of n-gram models, which KenLM, SRILM and others read and write too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import integer, words_of
from fastlm.ngram.model import Model
from fastlm.ngram.output import created
from fastlm.ngram.text import Path, blocks_of, opened

Block = tuple[NDArray[np.uint32], NDArray[np.float32], NDArray[np.float32]]
"""Some n-grams of one order: [size, order] words, [size] log10 probabilities and [size] log10 backoffs."""

_MEMORY = 1 << 30


class Arpa:
    """An n-gram model as an ARPA file has it: each n-gram with its log10 probability and its log10 backoff.

    Words are ids: 0 ``<unk>``, 1 ``<s>``, 2 ``</s>``, then the others. N-grams come sorted by them. With each n-gram
    its first and its last ``n - 1`` words are n-grams too; :attr:`notes` says how many had to be inserted for that.
    """

    def __init__(self, model: engine.ArpaModel) -> None:
        self._model = model

    @property
    def order(self) -> int:
        """Words of the longest n-grams."""
        return len(self._model.counts)

    @property
    def counts(self) -> list[int]:
        """N-grams of order 1, 2, ..."""
        return self._model.counts

    @property
    def vocabulary(self) -> list[str]:
        """The words in the order of their ids."""
        return self._model.vocabulary

    @property
    def notes(self) -> list[str]:
        """What the file does not have as it should, and what was done about it."""
        model = self._model
        notes = []
        if model.unknown_missing:
            notes.append("<unk> is not among the 1-grams: it got the log10 probability -100")
        if model.lacking:
            notes.append(f"words that are not among the 1-grams, and got the probability of <unk>: {model.lacking}")
        if model.rounded:
            notes.append(f"log10 probabilities above 0, taken as 0: {model.rounded}")
        for order, inserted in enumerate(model.inserted, 1):
            if inserted:
                notes.append(
                    f"{order}-grams that were missing, though longer ones begin or end with them, and were inserted "
                    f"with the probability that backing off gives: {inserted}"
                )
        return notes

    def blocks(self, order: int) -> Iterator[Block]:
        """The n-grams of an order, sorted, some at a time.

        Args:
            order: 1 to :attr:`order`.

        Returns:
            Blocks of ``[size, order]`` words, ``[size]`` log10 probabilities and ``[size]`` log10 backoffs.

        Raises:
            ValueError: there is no such order.
        """
        return self._model.blocks(integer("order", order, 1, self.order))

    def model(self, *, bits: int = 0, compact: bool = False) -> Model:
        """The same as a model that can be asked, and saved in a file that is mapped into memory.

        Args:
            bits: of each probability and weight, 2 to 24, which are quantised; 0: as they are.
            compact: see :meth:`fastlm.ngram.Table.estimate`.

        Raises:
            ValueError: ``bits`` is out of range.
        """
        return Model(self._model.model(integer("bits", bits, 0, 24), compact))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the model as an ARPA file.

        Args:
            path: see :func:`write_arpa`.

        Raises:
            OSError: the file cannot be written; if there was one of this name, it is as it was.
            ModuleNotFoundError: the name ends with ``.zst``, and the package zstandard is not there.
        """
        with created(path) as file:
            self._model.write(file.write)


def read_arpa(
    source: Path | BinaryIO,
    *,
    vocabulary: Sequence[str] | None = None,
    memory: int = _MEMORY,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[], object] | None = None,
) -> Arpa:
    r"""Reads an ARPA file, as KenLM, SRILM, MITLM, IRSTLM and OpenGrm write it.

    ``<UNK>`` is taken as ``<unk>``. A model without it gets it with a log10 probability of -100, as in KenLM. N-grams
    that are missing, though longer ones begin or end with them, are inserted.

    Args:
        source: a path, ``"-"`` for standard input, or a file open for reading bytes; plain or compressed.
        vocabulary: the words that there may be, beginning with ``<unk>``, ``<s>``, ``</s>``. None: the unigrams are the
            vocabulary, in their order.
        memory: bytes that n-grams may take while they are sorted, and afterwards; more of them go into temporary
            files without names. The vocabulary comes on top.
        folder: where these files are; None: in the system's folder for temporary files.
        progress: called now and then, while the file is read.

    Returns:
        The model.

    Raises:
        OSError: a file cannot be read or written.
        ValueError: the file is not as it should be; the message has file and line.
        ModuleNotFoundError: the file is compressed by Zstandard, and the package zstandard is not there.

    Example:
        >>> import io
        >>> text = b"\\data\\\nngram 1=3\n\n\\1-grams:\n-1\t<unk>\n-99\t<s>\n-0.05\t</s>\n\n\\end\\\n"
        >>> model = read_arpa(io.BytesIO(text))
        >>> model.counts, model.notes
        ([3], [])
    """
    reader = engine.ArpaReader(
        vocabulary=None if vocabulary is None else words_of(list(vocabulary)),
        memory=integer("memory", memory, 0, 2**63 - 1),
        folder=b"" if folder is None else os.fsencode(folder),
    )
    after_block = progress or (lambda: None)
    with opened(source) as (name, file):
        reader.begin(name)
        for block in blocks_of(name, file):
            reader.add(block)
            after_block()
    return Arpa(reader.finish())


def save_arpa(model: Model, path: str | os.PathLike[str]) -> None:
    """Writes a model as an ARPA file.

    Args:
        model: of a smoothing that backs off to shorter contexts.
        path: see :func:`write_arpa`.

    Raises:
        OSError: the file cannot be written; if there was one of this name, it is as it was.
        ValueError: the smoothing has no ARPA form.
        ModuleNotFoundError: the name ends with ``.zst``, and the package zstandard is not there.

    Example:
        >>> from fastlm import ngram
        >>> import tempfile
        >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("witten-bell")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_arpa(model, f"{folder}/model.arpa.gz")
        ...     same = read_arpa(f"{folder}/model.arpa.gz").model()
        >>> round(same.score("a b") - model.score("a b"), 5)
        0.0
    """
    with created(path) as file:
        engine.write_arpa(model._model, file.write)


def write_arpa(
    path: str | os.PathLike[str],
    vocabulary: Sequence[str],
    counts: Sequence[int],
    blocks: Iterable[tuple[ArrayLike, ArrayLike, ArrayLike]],
) -> None:
    """Writes an ARPA file, laid out as KenLM's lmplz does; every number reads as the float32 that it was.

    A probability of 0 (log10: minus infinity) is written as -99, that of ``<s>``, which is never predicted, as 0.

    Args:
        path: ``.gz``, ``.zst``, ``.bz2`` or ``.xz`` at its end compresses; ``"-"`` is standard output. It is written
            under another name in the same folder and renamed: the file is whole, or as it was.
        vocabulary: the words in the order of their ids.
        counts: n-grams of order 1, 2, ...
        blocks: the n-grams of order 1, then those of order 2, ...: each block has ``[size, order]`` words,
            ``[size]`` log10 probabilities and ``[size]`` log10 backoffs.

    Raises:
        OSError: the file cannot be written.
        ValueError: the blocks are not as the counts say; a number is not one, or a probability is above 1.
        ModuleNotFoundError: the name ends with ``.zst``, and the package zstandard is not there.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     unigrams = ([[0], [1], [2]], [-1.0, 0.0, -0.05], [0.0, 0.0, 0.0])
        ...     write_arpa(f"{folder}/model.arpa.gz", ["<unk>", "<s>", "</s>"], [3], [unigrams])
        ...     read_arpa(f"{folder}/model.arpa.gz").counts
        [3]
    """
    with created(path) as file:
        writer = engine.ArpaWriter(words_of(list(vocabulary)), list(counts), file.write)
        for words, probability, backoff in blocks:
            writer.add(_ids(words), _floats(probability), _floats(backoff))
        writer.finish()


def _ids(words: ArrayLike) -> NDArray[np.uint32]:
    given = np.asarray(words)
    ids = np.ascontiguousarray(given, np.uint32)
    if given.dtype.kind not in "iu" or (ids != given).any():
        raise ValueError(f"expected ids of words, whole numbers from 0 to {2**32 - 1}, got {given}")
    return ids


def _floats(numbers: ArrayLike) -> NDArray[np.float32]:
    return np.ascontiguousarray(numbers, np.float32)
