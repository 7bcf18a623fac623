"""Scores of many sentences at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import UNKNOWN_ID, Words, integer
from fastlm.ngram.results import TokenScores
from fastlm.ngram.tokenization import Tokenization

Ids = ArrayLike | Sequence[ArrayLike] | tuple[ArrayLike, ArrayLike]
"""Ids of one sentence, [words]; or of several, a list of them; or one array with the offsets [sentences + 1] in it."""


def thread_count(threads: int) -> int:
    """A number of threads for the engine; 0 is one for each processor."""
    return integer("threads", threads, 0, 1024)


class BatchQueries:
    """The part of :class:`fastlm.ngram.Model` that scores many sentences at once."""

    _model: engine.Model
    tokenization: Tokenization

    def score_batch(
        self, sentences: Iterable[Words], *, bos: bool = True, eos: bool = True, threads: int = 1
    ) -> NDArray[np.float64]:
        """log10 P of each sentence: [sentences]. Many at once take a fraction of the time.

        Args:
            sentences: texts, or lists of words; a list, or an array of objects.
            bos: each begins with ``<s>``.
            eos: each ends with ``</s>``, which is scored too.
            threads: 0: one for each processor. Other threads of Python go on meanwhile.

        Raises:
            TypeError: a sentence is neither a text nor words.
            ValueError: ``<s>`` or ``</s>`` is among the words.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("maximum-likelihood")
            >>> model.score_batch(["a b", ["a"]]).round(3).tolist()
            [-0.301, -inf]
        """
        return self._model.score_texts(self._plain(sentences), bos, eos, thread_count(threads), False)

    def token_scores_batch(
        self, sentences: Iterable[Words], *, bos: bool = True, eos: bool = True, threads: int = 1
    ) -> TokenScores:
        """Each word of each sentence, in flat arrays. Arguments and errors as for :meth:`score_batch`.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("maximum-likelihood")
            >>> scores = model.token_scores_batch(["a b", "a"])
            >>> scores.order.tolist(), scores.offsets.tolist()
            ([2, 2, 2, 2, 1], [0, 3, 5])
        """
        return _token_scores(self._model.score_texts(self._plain(sentences), bos, eos, thread_count(threads), True))

    def score_ids(self, ids: Ids, *, bos: bool = True, eos: bool = True, threads: int = 1) -> NDArray[np.float64]:
        """:meth:`score_batch` of sentences whose words are ids: their places in ``table.vocabulary``.

        Args:
            ids: one sentence, [words]; a list of sentences; or a tuple (words of all, offsets [sentences + 1]).
            bos: as for :meth:`score_batch`.
            eos: as for :meth:`score_batch`.
            threads: as for :meth:`score_batch`.

        Returns:
            [sentences], of one sentence [1].

        Raises:
            IndexError: there is no such word.
            TypeError: they are not whole numbers.
            ValueError: those of ``<s>`` or ``</s>`` are among them; the offsets do not ascend.
        """
        return self._model.score_ids(*_flat(ids), bos, eos, thread_count(threads), False)

    def token_scores_ids(self, ids: Ids, *, bos: bool = True, eos: bool = True, threads: int = 1) -> TokenScores:
        """:meth:`token_scores_batch` of ids. Arguments and errors as for :meth:`score_ids`."""
        return _token_scores(self._model.score_ids(*_flat(ids), bos, eos, thread_count(threads), True))

    def score_ngrams(self, ids: ArrayLike, *, threads: int = 1) -> NDArray[np.float32]:
        """log10 P of the last word of each row after the others: [n].

        Args:
            ids: places in ``table.vocabulary``: [n, words], at least one word.
            threads: 0: one for each processor.

        Raises:
            IndexError: there is no such word.
            TypeError: they are not whole numbers.
            ValueError: it has not two dimensions, or no word.
        """
        rows = _whole(ids)
        if rows.ndim != 2 or rows.shape[1] == 0:
            raise ValueError(f"expected ids of the shape [n, words], got {list(rows.shape)}")
        return self._model.score_ngrams(rows, thread_count(threads))[0]

    def _plain(self, sentences: Iterable[Words]) -> Any:
        """As the engine takes them: texts whose words stand between white space, or lists of words."""
        if self.tokenization.plain or isinstance(sentences, str):
            return sentences
        return [self.tokenization.spaced(s) if isinstance(s, str) else s for s in sentences]


def _whole(ids: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(ids)
    if array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"expected ids as whole numbers, got {array.dtype}")
    return np.ascontiguousarray(array, np.int64)


def _flat(ids: Ids) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All ids, and where the sentences begin in them, with the end."""
    if isinstance(ids, tuple) and len(ids) == 2 and np.ndim(ids[0]) == 1 and np.ndim(ids[1]) == 1:
        flat, offsets = _whole(ids[0]), _whole(ids[1])
        if len(offsets) == 0:
            raise ValueError("expected at least one offset: the end of the last sentence")
        return flat, offsets
    if isinstance(ids, np.ndarray) or not len(ids) or np.ndim(ids[0]) == 0:  # type: ignore[arg-type, index]
        one = _whole(ids)  # type: ignore[arg-type]
        if one.ndim != 1:
            raise ValueError(f"expected the ids of a sentence, [words], got the shape {list(one.shape)}")
        return one, np.array([0, len(one)])
    sentences = [_whole(sentence) for sentence in ids]  # type: ignore[union-attr]
    for sentence in sentences:
        if sentence.ndim != 1:
            raise ValueError(f"expected the ids of each sentence as [words], got the shape {list(sentence.shape)}")
    return np.concatenate(sentences), np.cumsum([0, *map(len, sentences)])


def _token_scores(found: tuple[Any, Any, Any, Any]) -> TokenScores:
    log10, order, ids, offsets = found
    return TokenScores(log10, order, ids == UNKNOWN_ID, offsets)
