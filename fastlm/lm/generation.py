"""Text by sampling: draw a word, feed it back, until the end of the sentence."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fastlm.lm.decoding import check_numbers, device_of, never_drawn, read, rows_of, tokens_of, with_start
from fastlm.lm.vocabulary import END, Vocabulary

_LIKELIEST = 256
"""How many words are sorted at first to find the likeliest ones of a given mass: mostly they are enough."""


def generate(
    model: nn.Module,
    vocabulary: Vocabulary,
    prompt: str | Iterable[str] = (),
    *,
    max_words: int = 50,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int | None = None,
    until_end: bool = True,
) -> list[str]:
    """Samples a sentence word by word, or character by character; ``<unk>`` is never drawn.

    Args:
        model: gives ``(logits, state)`` for ``(input, state)``; left in evaluation mode.
        vocabulary: of the model.
        prompt: what the sentence begins with: a text, or tokens.
        max_words: stop after so many drawn tokens, if ``</s>`` has not come before.
        temperature: divides the logits: below 1 makes likely words likelier, 0 takes always the likeliest.
        top_k: draw among the k likeliest words only; 0: among all.
        top_p: draw among the likeliest words that together have this probability (Holtzman et al. 2020); 1: all.
        seed: the same seed gives the same text; None: another one each time.
        until_end: stop at ``</s>``. False: go on with the next sentence, until ``max_words``.

    Returns:
        The tokens, the prompt included; ``</s>`` only as the mark between sentences.

    Raises:
        ValueError: an argument is out of range, or the vocabulary has no word.
        FloatingPointError: the model gives no numbers.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> vocabulary = Vocabulary(["a", "b"])
        >>> len(generate(RecurrentLM(4), vocabulary, ["a"], max_words=5)) <= 6
        True
    """
    return generate_batch(
        model,
        vocabulary,
        [prompt],
        max_words=max_words,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        seed=seed,
        until_end=until_end,
    )[0]


@torch.no_grad()
def generate_batch(
    model: nn.Module,
    vocabulary: Vocabulary,
    prompts: Iterable[str | Iterable[str]],
    *,
    max_words: int = 50,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int | None = None,
    until_end: bool = True,
    batch_size: int = 16,
    state: Any = None,
) -> list[list[str]]:
    """Samples a sentence for each prompt, many at a time.

    The sentence number i is what :func:`generate` makes of its prompt with the seed ``seed + i``, whatever the batch:
    each has random numbers of its own, and a word is drawn by the largest of ``logit + noise`` (Gumbel 1954), which
    rounding, other in other batches, changes only where two words are equal to six digits.

    Args:
        model: as for :func:`generate`.
        vocabulary: as for :func:`generate`.
        prompts: each a text, or tokens; of any lengths.
        max_words: as for :func:`generate`.
        temperature: as for :func:`generate`.
        top_k: as for :func:`generate`.
        top_p: as for :func:`generate`.
        seed: of the first one.
        until_end: as for :func:`generate`.
        batch_size: sentences that are made together.
        state: of the model, from which the sentences begin, a row for each prompt, as a conditional model has it; None:
            nothing was before.

    Raises:
        ValueError: as :func:`generate`; or ``batch_size`` is below 1.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> vocabulary, model = Vocabulary(["a", "b"]), RecurrentLM(4)
        >>> both = generate_batch(model, vocabulary, ["a", "b a"], seed=1)
        >>> both[1] == generate(model, vocabulary, "b a", seed=2)
        True
    """
    draw = _Draw(float(temperature), int(top_k), float(top_p), never_drawn(vocabulary))
    if max_words < 0 or batch_size < 1:
        raise ValueError(f"expected max_words >= 0 and batch_size >= 1, got {max_words} and {batch_size}")
    texts = [tokens_of(vocabulary, prompt) for prompt in prompts]
    first = secrets.randbits(62) if seed is None else seed
    end = vocabulary.id_of(END) if until_end else None
    model.eval()
    for begin in range(0, len(texts) if max_words else 0, batch_size):
        group = texts[begin : begin + batch_size]
        noises = [torch.Generator().manual_seed((first + begin + i) % 2**64) for i in range(len(group))]
        ids = [with_start(vocabulary, text) for text in group]
        before = rows_of(state, torch.arange(begin, begin + len(group), device=device_of(model)))
        for text, drawn in zip(group, _continue(model, ids, before, draw, noises, max_words, end), strict=True):
            text.extend(vocabulary[i] for i in drawn)
    return texts


def _continue(
    model: nn.Module,
    prompts: list[list[int]],
    state: Any,
    draw: _Draw,
    noises: list[torch.Generator],
    max_words: int,
    end: int | None,
) -> list[list[int]]:
    """What is drawn after each prompt. All are read token by token; one that has come to its end goes on with draws."""
    device = device_of(model)
    place = min(map(len, prompts))
    logits, state = read(model, torch.tensor([prompt[:place] for prompt in prompts], device=device).T, state)
    drawn: list[list[int]] = [[] for _ in prompts]
    rows = list(range(len(prompts)))  # those not at their end
    while True:
        drawing = [i for i, row in enumerate(rows) if place >= len(prompts[row])]
        words = iter(draw(logits if len(drawing) == len(rows) else logits[drawing], [noises[rows[i]] for i in drawing]))
        kept, inputs = [], []
        for i, row in enumerate(rows):
            if place < len(prompts[row]):
                word = prompts[row][place]
            else:
                word = next(words)
                if word == end:
                    continue
                drawn[row].append(word)
                if len(drawn[row]) == max_words:
                    continue
            kept.append(i)
            inputs.append(word)
        if not kept:
            return drawn
        if len(kept) < len(rows):
            state = rows_of(state, torch.tensor(kept, device=device))
            rows = [rows[i] for i in kept]
        logits, state = read(model, torch.tensor([inputs], device=device), state)
        place += 1


@dataclass(frozen=True)
class _Draw:
    """Draws a word for each row of logits."""

    temperature: float
    top_k: int
    top_p: float
    never: int

    def __post_init__(self) -> None:
        if not self.temperature >= 0:
            raise ValueError(f"expected temperature >= 0, got {self.temperature}")
        if self.top_k < 0 or not 0 < self.top_p <= 1:
            raise ValueError(f"expected top_k >= 0 and 0 < top_p <= 1, got {self.top_k} and {self.top_p}")

    def __call__(self, logits: Tensor, noises: Sequence[torch.Generator]) -> Any:
        if not noises:
            return []
        scores = logits.float()
        scores[:, self.never] = -torch.inf
        if self.temperature > 0 and self.top_k != 1:
            scores = self._likeliest(scores / self.temperature)
            noise = torch.empty(scores.shape)
            for row, generator in zip(noise, noises, strict=True):
                row.uniform_(generator=generator)
            scores = scores - noise.log_().neg_().log_().to(scores.device)  # a uniform number of 0 becomes -inf: lost
        best = scores.max(-1)
        check_numbers(best.values)
        return best.indices.tolist()

    def _likeliest(self, scores: Tensor) -> Tensor:
        """Without the words that ``top_k`` and ``top_p`` exclude."""
        words = scores.shape[-1]
        if 0 < self.top_k < words:
            least = scores.topk(self.top_k).values[:, -1:]
            scores = scores.masked_fill(scores < least, -torch.inf)
        if self.top_p < 1:
            size = min(_LIKELIEST, words)
            while True:
                best = scores.topk(size).values
                above = (best - scores.logsumexp(-1, keepdim=True)).exp().cumsum(-1)
                if size == words or bool((above[:, -1] >= self.top_p).all()):
                    break
                size = words
            last = (above < self.top_p).sum(-1, keepdim=True).clamp(max=size - 1)
            scores = scores.masked_fill(scores < best.gather(-1, last), -torch.inf)
        return scores
