"""Sentences as numbers of words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from fastlm.ngram.tokenization import joined


class IdError(ValueError):
    """An id that has no word."""


class IdWords:
    """The words of ids, and the id that ends a sentence.

    >>> list(IdWords(["the", "cat", "."], end_id=2).sentences(np.array([0, 1, 2, 2, 1])))
    ['the cat', '', 'cat']
    """

    def __init__(self, vocabulary: Sequence[str] | None, end_id: int | None) -> None:
        if vocabulary is None:
            raise ValueError("ids need vocabulary, the list of their words: vocabulary[id]")
        self._words = [joined([word]) for word in vocabulary]
        if end_id is not None and not 0 <= end_id < len(self._words):
            raise ValueError(f"end_id must be the number of one of {len(self._words)} words, got {end_id}")
        self._end = end_id

    def sentences(self, ids: np.ndarray | Sequence[int]) -> Iterator[str]:
        """Each sentence as its words, with a space between them; without ``end_id`` all ids are one sentence.

        Raises:
            IdError: an id is not in the vocabulary; the message has its place, from 0.
        """
        ids = np.asarray(ids)
        wrong = np.flatnonzero((ids < 0) | (ids >= len(self._words)))
        if len(wrong):
            place = int(wrong[0])
            raise IdError(f"id {ids[place]} at {place} is not in the vocabulary of {len(self._words)} words")
        if self._end is None:
            yield self._line(ids)
            return
        ends = np.flatnonzero(ids == self._end)
        begin = 0
        for end in ends.tolist():
            yield self._line(ids[begin:end])
            begin = end + 1
        if begin < len(ids):
            yield self._line(ids[begin:])

    def _line(self, ids: np.ndarray) -> str:
        return " ".join(map(self._words.__getitem__, ids.tolist()))


def is_ids(source: Any) -> bool:
    """Whether it is an array of ids.

    Raises:
        TypeError: it is another array.
    """
    if not isinstance(source, np.ndarray):
        return False
    if source.ndim != 1 or not np.issubdtype(source.dtype, np.integer):
        raise TypeError(
            f"expected ids as a 1-dimensional array of integers, got {source.dtype} of shape {list(source.shape)}"
        )
    return True
