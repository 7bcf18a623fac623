"""Text by sampling: draw a word, feed it back, until the end of the sentence."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

from fastlm.lm.vocabulary import END, UNKNOWN, Vocabulary


@torch.no_grad()
def generate(
    model: nn.Module,
    vocabulary: Vocabulary,
    prompt: Iterable[str] = (),
    *,
    max_words: int = 50,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
) -> list[str]:
    """Samples a sentence word by word; ``<unk>`` is never drawn.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        vocabulary: of the model.
        prompt: words that the sentence begins with.
        max_words: stop after so many drawn words, if ``</s>`` has not come before.
        temperature: divides the logits; below 1 makes likely words likelier.
        generator: of the random numbers; torch's default one if None.

    Returns:
        The words of the sentence, the prompt included, ``</s>`` not.

    Raises:
        ValueError: ``temperature`` is not above 0, or ``max_words`` is negative.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> vocabulary = Vocabulary(["a", "b"])
        >>> len(generate(RecurrentLM(4), vocabulary, ["a"], max_words=5)) <= 6
        True
    """
    if temperature <= 0 or max_words < 0:
        raise ValueError(f"expected temperature > 0 and max_words >= 0, got {temperature} and {max_words}")
    model.eval()
    words, end = list(prompt), vocabulary.id_of(END)
    pending = [end, *map(vocabulary.id_of, words)]
    state = None
    for _ in range(max_words):
        logits, state = model(torch.tensor(pending).unsqueeze(1), state)
        scores = logits[-1, 0] / temperature
        scores[vocabulary.id_of(UNKNOWN)] = -torch.inf
        drawn = int(torch.multinomial(scores.softmax(0), 1, generator=generator))
        if drawn == end:
            break
        words.append(vocabulary[drawn])
        pending = [drawn]
    return words
