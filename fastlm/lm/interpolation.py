"""An n-gram model and a neural one as one: P = weight * P_neural + (1 - weight) * P_ngram.

Jelinek & Mercer (1980), "Interpolated estimation of Markov source parameters from sparse data"; the weight by
expectation maximisation (Dempster, Laird & Rubin 1977).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fastlm.lm.decoding import tokens_of
from fastlm.lm.evaluation import Evaluation, evaluation_of, ids_of, token_scores
from fastlm.lm.vocabulary import END, Vocabulary
from fastlm.ngram import Model
from fastlm.ngram.mixing import best_weights


@dataclass(frozen=True)
class Interpolation:
    """Both models, with the weight of the neural one; :func:`interpolate` makes it."""

    ngram: Model
    model: nn.Module
    vocabulary: Vocabulary
    weight: float
    """Of the neural model; the n-gram model has the rest."""

    def evaluate(self, sentences: Iterable[str], *, batch_size: int = 1) -> Evaluation:
        """How well both together foretell sentences; see :func:`fastlm.lm.evaluate`."""
        lines = [tokens_of(self.vocabulary, sentence) for sentence in sentences]
        ids, neural, ngram = _scores(self.ngram, self.model, self.vocabulary, lines, batch_size)
        return evaluation_of(_mixed(neural, ngram, self.weight), ids, self.vocabulary, lines)


def interpolate(
    ngram: Model,
    model: nn.Module,
    vocabulary: Vocabulary,
    heldout: Iterable[str] | None = None,
    *,
    weight: float | None = None,
    batch_size: int = 1,
) -> Interpolation:
    """Mixes an n-gram model with a neural one of the same vocabulary: mostly better than either.

    Args:
        ngram: counted with ``vocabulary=list(vocabulary)[2:]``.
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        vocabulary: of the neural model.
        heldout: sentences that neither was made of; the weight under which they are most probable is taken.
        weight: of the neural model, 0 to 1, where there is no ``heldout``.
        batch_size: as for :func:`fastlm.lm.token_scores`.

    Raises:
        ValueError: the vocabularies differ; the weight is out of range; there is neither it nor ``heldout``, or both.

    Example:
        >>> from fastlm import ngram
        >>> from fastlm.lm import RecurrentLM
        >>> vocabulary = Vocabulary(["a", "b"])
        >>> bigrams = ngram.count_sentences(["a b a b"], 2, vocabulary=["a", "b"]).estimate("witten-bell")
        >>> both = interpolate(bigrams, RecurrentLM(4), vocabulary, ["a b a b"] * 9)
        >>> both.weight < 0.01  # the neural model has learnt nothing yet
        True
    """
    _check_vocabularies(ngram, vocabulary)
    if (weight is None) == (heldout is None):
        raise ValueError("expected either a weight, or heldout, sentences to find it by")
    if heldout is not None:
        lines = [tokens_of(vocabulary, sentence) for sentence in heldout]
        _, *scores = _scores(ngram, model, vocabulary, lines, batch_size)
        weight = float(best_weights(torch.stack(scores).exp().numpy())[0])
    if weight is None or not 0 <= weight <= 1:
        raise ValueError(f"expected a weight from 0 to 1, got {weight}")
    return Interpolation(ngram, model, vocabulary, weight)


def _scores(
    ngram: Model, model: nn.Module, vocabulary: Vocabulary, lines: list[list[str]], batch_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The tokens, and ln P of each under the neural model and under the n-gram model: [N] each."""
    ids = ids_of(vocabulary, lines)
    neural = token_scores(model, ids, vocabulary.id_of(END), batch_size=batch_size).double()
    log10 = ngram.token_scores_batch(lines).log10.astype(np.float64)
    return ids, neural, torch.from_numpy(log10 * math.log(10))


def _mixed(neural: Tensor, ngram: Tensor, weight: float) -> Tensor:
    weights = torch.tensor([weight, 1 - weight], dtype=torch.float64)
    return torch.logsumexp(torch.stack([neural, ngram]) + weights.log().unsqueeze(1), 0)


def _check_vocabularies(ngram: Model, vocabulary: Vocabulary) -> None:
    of_ngram, of_neural = set(ngram.table.vocabulary) - {"<s>"}, set(vocabulary)
    if of_ngram != of_neural:
        one = min(of_ngram ^ of_neural)
        holder = "n-gram" if one in of_ngram else "neural"
        raise ValueError(
            f"the models have different vocabularies, {len(of_ngram):,} words of the n-gram model and "
            f"{len(of_neural):,} of the neural one, and only the {holder} model knows {one!r}; count the n-grams with "
            "vocabulary=list(vocabulary)[2:]"
        )
