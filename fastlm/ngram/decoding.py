"""A model word by word, for decoders: states that stand for the words before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import BEGIN_ID

State = engine.State
"""The words before, as far as they matter. Equal ones have the same future; they can be keys of a dict."""


class DecoderQueries:
    """The part of :class:`fastlm.ngram.Model` that a decoder needs."""

    _model: engine.Model
    _table: engine.Table

    def begin_state(self) -> State:
        """That at the begin of a sentence, after ``<s>``."""
        return self._model.state_after([BEGIN_ID])

    def null_state(self) -> State:
        """That before any word, anywhere in a sentence."""
        return self._model.state_after([])

    def advance(self, state: State, word: str | int) -> tuple[float, State]:
        """A word after a state.

        Args:
            state: of this model; it is not changed.
            word: as text, or its place in ``table.vocabulary``. ``</s>`` ends a sentence.

        Returns:
            log10 P of the word, and the state after it.

        Raises:
            IndexError: there is no such place in the vocabulary.
            ValueError: the state is of another model.

        Example:
            >>> from fastlm import ngram
            >>> model = ngram.count_sentences(["a b", "a c"], order=2).estimate("maximum-likelihood")
            >>> log10, state = model.advance(model.begin_state(), "a")
            >>> log10, round(model.advance(state, "b")[0], 3)
            (0.0, -0.301)
            >>> state == model.advance(model.null_state(), "a")[1]
            True
        """
        return self._model.advance(state, self._table.id(word) if isinstance(word, str) else word)

    def advance_batch(self, states: Sequence[State], words: ArrayLike) -> tuple[NDArray[np.float32], list[State]]:
        """A word after each of several states.

        Args:
            states: of this model.
            words: a word for each, as text or as its place in ``table.vocabulary``: [states].

        Returns:
            log10 P of each word, [states], and the states after them.

        Raises:
            IndexError: there is no such place in the vocabulary.
            ValueError: there is not a word for each state; a state is of another model.
        """
        ids = np.asarray(words)
        if ids.dtype.kind in "UO":
            ids = np.array([self._table.id(word) for word in ids.tolist()], np.int64)
        return self._model.advance_batch(states, np.ascontiguousarray(ids, np.int64))
