"""Dynamic evaluation: a model that learns from the text that it is evaluated on, after it has foretold it.

Krause et al. (2018), "Dynamic evaluation of neural sequence models".
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fastlm.lm.data import chunks, columns
from fastlm.lm.decoding import device_of, tokens_of
from fastlm.lm.evaluation import Evaluation, evaluation_of, ids_of, losses_of
from fastlm.lm.vocabulary import END, Vocabulary


def dynamic_token_scores(
    model: nn.Module,
    ids: Tensor,
    start: int,
    *,
    learning_rate: float | None = None,
    decay: float = 0.0,
    segment: int = 20,
    squares: list[Tensor] | None = None,
    epsilon: float = 1e-4,
) -> Tensor:
    """Ln P of every token of a text, by a model that takes a gradient step on each segment once it is foretold.

    A topic, a name or a style that has come up becomes likelier. No token is learnt from before it is scored, so the
    perplexity of these scores is an honest one. A copy of the model learns; the model stays as it is.

    Without ``squares`` the step is one of SGD: ``w -= learning_rate * g``. With them the gradient of each parameter is
    divided by its typical size, ``sqrt(squares) + epsilon``, and the decay is stronger where that size is large. Either
    way ``decay`` draws each parameter back to where it was after training.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``.
        ids: [N] int64, a text.
        start: what stands before the text, usually ``</s>``.
        learning_rate: of a step on the mean loss of a segment; None: 0.1, with ``squares`` 0.0003.
        decay: share of the way back that is gone in a step.
        segment: tokens between two steps.
        squares: of :func:`gradient_squares`, on the training text.
        epsilon: keeps parameters whose gradient is always small from moving far.

    Returns:
        [N] float32, in nats.

    Raises:
        ValueError: the text is empty; an argument is out of range; ``squares`` are of another model.
        FloatingPointError: the model has diverged; says where in the text.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> text = torch.tensor([2, 3, 4] * 40)
        >>> model = RecurrentLM(5, hidden_size=8)
        >>> scores = dynamic_token_scores(model, text, start=1, learning_rate=1.0, segment=6)
        >>> bool(scores[60:].mean() > scores[:60].mean())
        True
    """
    rate = (0.1 if squares is None else 3e-4) if learning_rate is None else learning_rate
    if len(ids) == 0:
        raise ValueError("expected a text of at least one token, got none")
    if rate < 0 or not 0 <= decay <= 1 or segment < 1 or epsilon <= 0:
        raise ValueError(
            "expected learning_rate >= 0, 0 <= decay <= 1, segment >= 1 and epsilon > 0, "
            f"got {rate}, {decay}, {segment} and {epsilon}"
        )
    learner = copy.deepcopy(model).eval()  # in evaluation mode: no dropout
    parameters, device = _trained(learner), device_of(learner)
    if squares is not None and [s.shape for s in squares] != [p.shape for p in parameters]:
        raise ValueError("squares are of another model: make them with gradient_squares of this one")
    origin = [p.detach().clone() for p in parameters]
    if squares is None:
        sizes, mean, epsilon = [torch.ones_like(p) for p in parameters], torch.ones(()), 0.0
    else:
        sizes = [size.sqrt().to(p.device) for size, p in zip(squares, parameters, strict=True)]
        mean = torch.cat([size.flatten() for size in sizes]).mean().clamp(min=1e-30)
    state, scores = None, []
    for x, y in chunks(*columns(ids, 1, start), segment):
        with torch.enable_grad():
            losses, state = losses_of(learner, x.to(device), y.to(device), state)
            gradients = torch.autograd.grad(losses.mean(), parameters, allow_unused=True)
        scores.append(-losses.detach().flatten())
        if not bool(losses.isfinite().all()):
            raise FloatingPointError(
                f"the loss is not finite near token {segment * (len(scores) - 1)}; lower the learning rate"
            )
        with torch.no_grad():
            for p, gradient, first, size in zip(parameters, gradients, origin, sizes, strict=True):
                back = (first - p) * (decay * size / mean).clamp(max=1.0) if decay else 0.0
                if gradient is not None:
                    p.sub_(gradient / (size + epsilon), alpha=rate)
                p.add_(back)
    return torch.cat(scores).cpu()


def evaluate_dynamically(
    model: nn.Module, vocabulary: Vocabulary, sentences: Iterable[str], **options: Any
) -> Evaluation:
    """:func:`fastlm.lm.evaluate` by a model that learns from the text.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``.
        vocabulary: of the model.
        sentences: the text, line by line.
        **options: of :func:`dynamic_token_scores`.

    Raises:
        ValueError: as :func:`dynamic_token_scores`.
        FloatingPointError: as :func:`dynamic_token_scores`.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> evaluate_dynamically(RecurrentLM(4), Vocabulary(["a", "b"]), ["a b"]).tokens
        3
    """
    lines = [tokens_of(vocabulary, sentence) for sentence in sentences]
    ids = ids_of(vocabulary, lines)
    scores = dynamic_token_scores(model, ids, vocabulary.id_of(END), **options)
    return evaluation_of(scores, ids, vocabulary, lines)


def gradient_squares(
    model: nn.Module, ids: Tensor, start: int, *, segment: int = 20, batch_size: int = 20, most: int | None = 500
) -> list[Tensor]:
    """Of each parameter the mean square of its gradient on a text, the training text: its typical size.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        ids: [N] int64, a text.
        start: what stands before the text, usually ``</s>``.
        segment: steps that a gradient is of.
        batch_size: columns that the text is cut into.
        most: gradients that are looked at, at most; None: the whole text.

    Returns:
        Tensors with the shapes of the parameters.

    Raises:
        ValueError: the text has less than ``batch_size`` tokens.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> squares = gradient_squares(RecurrentLM(5, hidden_size=8), torch.arange(100) % 5, start=1)
        >>> squares[0].shape
        torch.Size([5, 8])
    """
    model.eval()
    parameters, device = _trained(model), device_of(model)
    sums, number, state = [torch.zeros_like(p) for p in parameters], 0, None
    for x, y in chunks(*columns(ids, batch_size, start), segment):
        with torch.enable_grad():
            losses, state = losses_of(model, x.to(device), y.to(device), state)
            gradients = torch.autograd.grad(losses.mean(), parameters, allow_unused=True)
        for total, gradient in zip(sums, gradients, strict=True):
            if gradient is not None:
                total.add_(gradient.square())
        number += 1
        if number == most:
            break
    return [total / number for total in sums]


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]
