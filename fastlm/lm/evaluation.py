"""How well a language model foretells a text: a score for each token, perplexity, bits per character."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fastlm.lm.contract import LanguageModel, detached
from fastlm.lm.data import IGNORED, chunks, columns
from fastlm.lm.decoding import device_of, tokens_of
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary
from fastlm.ngram.results import Evaluation as NgramEvaluation


@dataclass(frozen=True)
class Evaluation(NgramEvaluation):
    """How well a model foretells a text, in the terms of :class:`fastlm.ngram.Evaluation`, and a character.

    Every token counts, words, ``</s>`` behind each sentence, and unknown words as ``<unk>``: so do they for an n-gram
    model, and with the same vocabulary the perplexities compare. ``perplexity_known`` leaves unknown words out.
    """

    characters: int
    """Of the text: its words, a space between two, and a line break behind each sentence."""

    @property
    def bits_per_token(self) -> float:
        """-log2 P of the text, a token: the logarithm of the perplexity."""
        return -self.log10 * math.log2(10) / self.tokens

    @property
    def bits_per_character(self) -> float:
        """-log2 P of the text, a character, by which models of words and of characters compare.

        To compare them fairly there must be no unknown words: a model that says ``<unk>`` has not spelt the word.
        """
        return -self.log10 * math.log2(10) / self.characters


def evaluate(
    model: nn.Module, vocabulary: Vocabulary, sentences: Iterable[str], *, batch_size: int = 1, bptt: int = 128
) -> Evaluation:
    """How well a model foretells sentences, one after another, as one text.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        vocabulary: of the model.
        sentences: the text, line by line.
        batch_size: as for :func:`token_scores`.
        bptt: as for :func:`token_scores`.

    Raises:
        ValueError: the text is empty.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> evaluation = evaluate(RecurrentLM(4), Vocabulary(["a", "b"]), ["a b", "c"])
        >>> evaluation.tokens, evaluation.unknown, evaluation.characters
        (5, 1, 6)
    """
    lines = [tokens_of(vocabulary, sentence) for sentence in sentences]
    ids = ids_of(vocabulary, lines)
    scores = token_scores(model, ids, vocabulary.id_of(END), batch_size=batch_size, bptt=bptt)
    return evaluation_of(scores, ids, vocabulary, lines)


def evaluation_of(scores: Tensor, ids: Tensor, vocabulary: Vocabulary, lines: list[list[str]]) -> Evaluation:
    """Sums up scores of tokens.

    Args:
        scores: ln P of each token: [N].
        ids: the tokens: [N].
        vocabulary: theirs.
        lines: the sentences that they are, without ``</s>``.
    """
    log10 = scores.double() / math.log(10)
    unknown = ids == vocabulary.id_of(UNKNOWN)
    characters = sum(len(vocabulary.join(line)) + 1 for line in lines)
    return Evaluation(
        len(ids), len(lines), int(unknown.sum()), float(log10[~unknown].sum()), float(log10[unknown].sum()), characters
    )


def ids_of(vocabulary: Vocabulary, lines: Iterable[Iterable[str]]) -> Tensor:
    """The tokens of sentences as numbers, ``</s>`` behind each sentence: [N] int64."""
    end = vocabulary.id_of(END)
    return torch.tensor([i for line in lines for i in (*map(vocabulary.id_of, line), end)], dtype=torch.int64)


@torch.no_grad()
def token_scores(model: nn.Module, ids: Tensor, start: int, *, batch_size: int = 1, bptt: int = 128) -> Tensor:
    """Ln P of every token of a text, given those before it.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        ids: [N] int64, a text.
        start: what stands before the text, usually ``</s>``.
        batch_size: columns that the text is cut into. Each starts without context, so more than 1 is faster and
            a little pessimistic.
        bptt: steps at a time; has no influence on the result.

    Returns:
        [N] float32, in nats.

    Raises:
        ValueError: the text is empty.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> token_scores(RecurrentLM(100), torch.tensor([5, 1]), start=1).shape
        torch.Size([2])
    """
    if len(ids) == 0:
        raise ValueError("expected a text of at least one token, got none")
    model.eval()
    input, target = columns(ids, min(batch_size, len(ids)), start)
    device, state, scores = device_of(model), None, []
    for x, y in chunks(input, target, bptt):
        losses, state = losses_of(model, x.to(device), y.to(device), state)
        scores.append(-losses)
    return torch.cat(scores).T.flatten()[: len(ids)].cpu()


def losses_of(model: nn.Module, input: Tensor, target: Tensor, state: Any) -> tuple[Tensor, Any]:
    """-ln P of each target: [T, B], and the state behind them, without its history."""
    if isinstance(model, LanguageModel):
        hidden, state = model.features(input, detached(state))
        return model.loss_of(hidden, target, reduction="none"), detached(state)
    logits, state = model(input, detached(state))
    losses = cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=IGNORED, reduction="none")
    return losses.view(target.shape), detached(state)


def perplexity(model: nn.Module, ids: Tensor, start: int, *, batch_size: int = 1, bptt: int = 128) -> float:
    """The exponential of the mean cross-entropy over every token of a text, ``</s>`` and ``<unk>`` included.

    That is the perplexity that ``fastlm.ngram`` reports as ``perplexity`` for the same tokens, so the two compare.

    Args:
        model: as for :func:`token_scores`.
        ids: [N] int64, a text.
        start: what stands before the text, usually ``</s>``.
        batch_size: as for :func:`token_scores`.
        bptt: as for :func:`token_scores`.

    Raises:
        ValueError: the text is empty.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> round(perplexity(RecurrentLM(100), torch.randint(100, (2000,)), 1), -1)
        100.0
    """
    return perplexity_of(token_scores(model, ids, start, batch_size=batch_size, bptt=bptt))


def perplexity_of(scores: Tensor) -> float:
    """The perplexity of tokens with these scores, ln P: [N].

    >>> perplexity_of(torch.tensor([0.25, 0.25]).log())
    4.0...
    """
    loss = -scores.double().mean().item()
    return math.exp(loss) if loss < 709 else math.inf
