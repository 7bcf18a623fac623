"""Linear interpolation of models, with the weights that make a held-out text most probable.

Jelinek & Mercer (1980), "Interpolated estimation of Markov source parameters from sparse data"; the weights by
expectation maximisation (Dempster, Laird & Rubin 1977).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from fastlm import _ngram as engine
from fastlm.ngram._engine import UNKNOWN, Words
from fastlm.ngram.inputs import Format, Reader, Sentences, Texts, read_sources
from fastlm.ngram.model import Model
from fastlm.ngram.results import Evaluation

_PRECISION = 1e-6
"""Weights that move by less in a step are found."""
_MOST_STEPS = 1000


def _reading(models: Sequence[Model], texts: Texts, errors: str = "strict") -> Callable[[Reader], None]:
    """What gives texts to a reader, as tokens of the models."""
    format = Format(models[0].tokenization, errors)
    return lambda reader: read_sources(reader, texts, lambda: None, format)


@overload
def mix(
    models: Sequence[Model],
    weights: Sequence[float] | None = None,
    *,
    heldout: Texts | None = None,
    merge: Literal[False] = False,
) -> Mixture: ...
@overload
def mix(
    models: Sequence[Model],
    weights: Sequence[float] | None = None,
    *,
    heldout: Texts | None = None,
    merge: Literal[True],
) -> Model: ...
def mix(
    models: Sequence[Model],
    weights: Sequence[float] | None = None,
    *,
    heldout: Texts | None = None,
    merge: bool = False,
) -> Mixture | Model:
    """Makes one model of several: P(word | context) = the sum of weight * P(word | context) of each.

    The vocabulary is that of all models together. A word that a model does not know has no probability there, and
    stands as ``<unk>`` in contexts.

    Args:
        models: two or more, of any smoothings whose probabilities sum to 1.
        weights: one for each model, with the sum 1; None: those under which ``heldout`` is most probable.
        heldout: a text, as for :func:`fastlm.ngram.count`; None: with ``weights`` of None, equal ones.
        merge: make one model of the n-grams of all, which can be saved; those have exactly the mixed probability,
            others nearly.

    Returns:
        A mixture that asks its models each time, or one model.

    Raises:
        OSError: a file cannot be read.
        ValueError: the weights do not fit, or are given together with a text; the text is empty, or is not one.

    Example:
        >>> from fastlm import ngram
        >>> models = [ngram.count_sentences([text], order=2).estimate("witten-bell") for text in ("a b", "a c")]
        >>> round(ngram.mix(models, [0.5, 0.5]).probability("b", "a"), 3)
        0.323
    """
    models = list(models)
    if not models:
        raise ValueError("expected at least one model, got none")
    if any(model.tokenization != models[0].tokenization for model in models):
        raise ValueError(f"expected models of the same tokenization, got {[model.tokenization for model in models]}")
    if weights is not None and heldout is not None:
        raise ValueError("expected weights, or heldout, a text to find them by; got both")
    if heldout is not None:
        found = best_weights(_streams(models, _reading(models, heldout))[0])
    else:
        found = np.full(len(models), 1 / len(models)) if weights is None else np.asarray(weights, dtype=np.float64)
    if found.shape != (len(models),) or not (found >= 0).all() or abs(found.sum() - 1) > 1e-6:
        raise ValueError(f"expected {len(models)} weights of 0 or more with the sum 1, got {found.tolist()}")
    mixture = Mixture(models, found.tolist())
    return mixture.merge() if merge else mixture


class Mixture:
    """Models with their weights, as one; :func:`mix` makes it.

    >>> from fastlm import ngram
    >>> models = [ngram.count_sentences([text], order=2).estimate("witten-bell") for text in ("a b", "a c")]
    >>> mixture = ngram.mix(models)
    >>> mixture.weights
    [0.5, 0.5]
    >>> mixture.next("a", k=2)
    [('b', 0.32...), ('c', 0.32...)]
    """

    def __init__(self, models: Sequence[Model], weights: Sequence[float]) -> None:
        self.models = list(models)
        self.weights = list(weights)

    @property
    def order(self) -> int:
        """Words of the longest n-grams."""
        return max(model.order for model in self.models)

    @cached_property
    def vocabulary(self) -> list[str]:
        """The words of the first model, then those that others add."""
        return list(dict.fromkeys(word for model in self.models for word in model.table.vocabulary))

    def distribution(self, context: Words = ()) -> NDArray[np.float64]:
        """P(word | context) of every word, in the order of :attr:`vocabulary`; see :meth:`Model.distribution`."""
        p = np.zeros(len(self.vocabulary))
        for model, weight, place in zip(self.models, self.weights, self._places, strict=True):
            p[place] += weight * model.distribution(context).astype(np.float64)
        return p

    def probability(self, word: str, context: Words = ()) -> float:
        """P(word | context); see :meth:`Model.probability`."""
        p = [model.probability(word, context) for model in self.models]
        known = [self._knows(i, word) for i in range(len(p))]
        anywhere = any(known)
        return math.fsum(
            weight * x for weight, x, here in zip(self.weights, p, known, strict=True) if here or not anywhere
        )

    def next(self, context: Words = (), k: int = 10) -> list[tuple[str, float]]:
        """The words that most probably come next, with their probabilities; see :meth:`Model.next`."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        p = self.distribution(context)
        best = [i for i in np.argsort(-p, kind="stable")[:k] if p[i] > 0]
        return [(self.vocabulary[i], float(p[i])) for i in best]

    def score(self, sentence: str) -> float:
        """log10 P of a sentence, from its begin to its end."""
        return self.perplexity_of([sentence]).log10

    def perplexity(self, texts: Texts, *, errors: str = "strict") -> Evaluation:
        """How well the mixture foretells a text; see :meth:`Model.perplexity`."""
        return self._evaluation(_reading(self.models, texts, errors), errors)

    def perplexity_of(self, sentences: Iterable[str], *, errors: str = "strict") -> Evaluation:
        """The same of sentences in memory; see :meth:`Model.perplexity_of`."""
        return self._evaluation(_reading(self.models, Sentences(sentences), errors), errors)

    def merge(self) -> Model:
        """One model of the n-grams of all: those have exactly the mixed probability, others nearly.

        Raises:
            ValueError: the probabilities of a model do not sum to 1.
        """
        return Model(engine.merge([model._model for model in self.models], self.weights))

    def __repr__(self) -> str:
        parts = " + ".join(f"{weight:.4g} {model!r}" for weight, model in zip(self.weights, self.models, strict=True))
        return f"<Mixture {parts}>"

    @cached_property
    def _places(self) -> list[NDArray[np.int64]]:
        place = {word: i for i, word in enumerate(self.vocabulary)}
        return [np.array([place[word] for word in model.table.vocabulary]) for model in self.models]

    def _knows(self, i: int, word: str) -> bool:
        table = self.models[i].table._table
        return table.id(word.strip()) != table.id(UNKNOWN)

    def _evaluation(self, read: Callable[[Reader], None], errors: str) -> Evaluation:
        p, unknown, sentences = _streams(self.models, read, errors)
        with np.errstate(divide="ignore"):
            log10 = np.log10(np.asarray(self.weights) @ p)
        return Evaluation(
            len(log10), sentences, int(unknown.sum()), float(log10[~unknown].sum()), float(log10[unknown].sum())
        )


class _Each:
    """Gives a text to several readers."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self.readers = readers

    def begin(self, source: str) -> None:
        for reader in self.readers:
            reader.begin(source)

    def add(self, block: bytes) -> None:
        for reader in self.readers:
            reader.add(block)


def _streams(
    models: Sequence[Model], read: Callable[[Reader], None], errors: str = "strict"
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Of each model the probability of each token [models, tokens], which tokens none knows, number of sentences."""
    readers = [engine.TokenScores(model._model, errors=errors) for model in models]
    read(_Each(readers))
    log10, unknown, sentences = zip(*(reader.finish() for reader in readers), strict=True)
    p, missing = 10.0 ** np.array(log10, dtype=np.float64), np.array(unknown, dtype=bool)
    if p.shape[1] == 0:
        raise ValueError("the text is empty: expected at least one line")
    nowhere: NDArray[np.bool_] = np.all(missing, axis=0, keepdims=False)
    p[missing & ~nowhere] = 0
    return p, nowhere, sentences[0]


def best_weights(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of models [models] under which tokens are most probable, of P of each under each [models, tokens]."""
    p = p[:, p.any(axis=0)]  # a token that none holds possible says nothing about them
    weights = np.full(len(p), 1 / len(p))
    for _step in range(_MOST_STEPS if p.shape[1] else 0):
        credit = weights[:, None] * p
        before, weights = weights, (credit / credit.sum(axis=0)).mean(axis=1)
        if np.abs(weights - before).max() <= _PRECISION:
            break
    return weights
