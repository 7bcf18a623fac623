"""What sampling and beam search share: prompts as tokens, a model token by token, states of chosen rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fastlm.lm.contract import LanguageModel, map_state
from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary

PIECE = 256
"""Tokens of a prompt that are read at a time, so that their logits, if a model makes them all, stay small."""


def tokens_of(vocabulary: Vocabulary, text: str | Iterable[str]) -> list[str]:
    """A text as tokens of the vocabulary's unit; tokens stay as they are.

    >>> tokens_of(Vocabulary(["a"]), "a b")
    ['a', 'b']
    """
    return vocabulary.split(text) if isinstance(text, str) else list(text)


def text_of(vocabulary: Vocabulary, tokens: Iterable[str]) -> str:
    r"""Tokens as a text: words with spaces between them, characters without; each ``</s>`` becomes a line break.

    >>> text_of(Vocabulary(["a"]), ["a", "a", "</s>", "a"])
    'a a\na'
    """
    lines: list[list[str]] = [[]]
    for token in tokens:
        if token == END:
            lines.append([])
        else:
            lines[-1].append(token)
    return "\n".join(map(vocabulary.join, lines))


def with_start(vocabulary: Vocabulary, prompt: Iterable[str]) -> list[int]:
    """The ids of a prompt, ``</s>``, which begins a sentence, before them."""
    return [vocabulary.id_of(END), *map(vocabulary.id_of, prompt)]


def never_drawn(vocabulary: Vocabulary) -> int:
    """The id of ``<unk>``: no text should contain it.

    Raises:
        ValueError: nothing else can be drawn.
    """
    if len(vocabulary) <= 2:
        raise ValueError("expected a vocabulary with a word besides <unk> and </s>, got none")
    return vocabulary.id_of(UNKNOWN)


def read(model: nn.Module, input: Tensor, state: Any = None) -> tuple[Tensor, Any]:
    """Reads tokens [T, B], and scores what comes next.

    Returns:
        Logits [B, V], and the state.
    """
    for piece in input.split(PIECE):
        if isinstance(model, LanguageModel):  # the output layer, most of the work, for the last token only
            hidden, state = model.features(piece, state)
            logits = model.logits(hidden[-1:])
        else:
            logits, state = model(piece, state)
    return logits[-1], state


def rows_of(state: Any, rows: Tensor) -> Any:
    """The chosen rows of a state: of tensors [L, B, H], however nested.

    >>> rows_of((torch.arange(6).view(1, 3, 2),), torch.tensor([2, 0]))
    (tensor([[[4, 5],
              [0, 1]]]),)
    """
    return map_state(lambda x: x.index_select(1, rows), state)


def check_numbers(scores: Tensor) -> None:
    """Refuses scores of a model that has none to give.

    Raises:
        FloatingPointError: one is NaN.
    """
    if bool(scores.isnan().any()):
        raise FloatingPointError("the model's scores are not numbers: its training has diverged")


def device_of(model: nn.Module) -> torch.device:
    """Where its first parameter lies."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
