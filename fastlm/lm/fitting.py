"""Training on sentences instead of a running text: for classifiers, taggers, and models conditioned on a source."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fastlm.lm.data import IGNORED
from fastlm.lm.encoders import SentenceClassifier, SequenceTagger
from fastlm.lm.interrupts import Interrupts
from fastlm.lm.training import update

_BUCKET = 50  # batches whose sentences are sorted by length together, so that little is padded

Example = tuple[list[int], "int | list[int]"]
"""The ids of a sentence, and its class or the tags of its words."""


@dataclass(frozen=True)
class Pass:
    """What a pass over the examples has come to."""

    number: int
    loss: float
    """Mean over the batches, in nats."""
    accuracy: float | None
    """Of the validation examples: share of sentences, or of words, that are right."""
    best: bool


def fit(
    model: SentenceClassifier | SequenceTagger,
    examples: Sequence[Example],
    *,
    valid: Sequence[Example] | None = None,
    epochs: int = 5,
    batch_size: int = 32,
    lr: float = 2e-3,
    clip: float = 1.0,
    seed: int = 1,
    report: Callable[[Pass], object] = lambda _: None,
) -> None:
    """Trains a classifier or a tagger with Adam; at the end, also that by Ctrl-C, it is as after its best pass.

    Args:
        model: has ``loss(input, target, lengths)``.
        examples: at least one; each sentence has at least one word.
        valid: others, by which the best pass is found; None: the last pass is taken.
        epochs: passes.
        batch_size: sentences of a step.
        lr: learning rate.
        clip: largest norm of the gradient.
        seed: of the order of the sentences, and of dropouts.
        report: called after each pass.

    Raises:
        FloatingPointError: the loss is not finite; says at which step.
        KeyboardInterrupt: Ctrl-C or SIGTERM, after the step.
        ValueError: there is no example, or an empty sentence.

    Example:
        >>> model = SentenceClassifier(10, classes=2, hidden_size=8)
        >>> examples = [([2, 3, 4], 0), ([2, 5, 4], 1)] * 8
        >>> fit(model, examples, epochs=20, lr=0.01)
        >>> accuracy(model, examples)
        1.0
    """
    if not examples or not all(ids for ids, _ in examples):
        raise ValueError("expected examples, each of at least one word")
    torch.manual_seed(seed)
    order = torch.Generator().manual_seed(seed)
    parameters = list(model.parameters())
    device = parameters[0].device
    optimizer = torch.optim.Adam(parameters, lr)
    number, most = 0, -1.0
    kept: dict[str, Tensor] | None = None
    with Interrupts() as interrupts:
        for epoch in range(1, epochs + 1):
            model.train()
            losses = []
            for batch in _shuffled(examples, batch_size, order):
                input, target, lengths = (part.to(device) for part in padded(batch))
                optimizer.zero_grad()
                loss = model.loss(input, target, lengths)
                loss.backward()
                number += 1
                losses.append(loss.item())
                update(optimizer, parameters, losses[-1], clip, number)
                if interrupts.caught:
                    break
            if interrupts.caught:
                break
            right = accuracy(model, valid) if valid else None
            best = right is None or right > most
            if right is not None and best:
                most, kept = right, {name: value.clone() for name, value in model.state_dict().items()}
            report(Pass(epoch, math.fsum(losses) / len(losses), right, best))
    if kept is not None:
        model.load_state_dict(kept)
    model.eval()
    if interrupts.caught:
        raise KeyboardInterrupt


@torch.no_grad()
def predict(model: nn.Module, sentences: Sequence[list[int]], batch_size: int = 64) -> list[Tensor]:
    """Log-probabilities of each sentence: [K] of a classifier, [words, K] of a tagger, which is left in evaluation."""
    model.eval()
    device = next(model.parameters()).device
    found: dict[int, Tensor] = {}
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    for first in range(0, len(order), batch_size):
        some = order[first : first + batch_size]
        input, _, lengths = (part.to(device) for part in padded([(sentences[i], 0) for i in some]))
        scores = model(input, lengths).log_softmax(-1).cpu()
        for place, i in enumerate(some):
            found[i] = scores[place] if scores.dim() == 2 else scores[: len(sentences[i]), place]
    return [found[i] for i in range(len(sentences))]


def accuracy(model: nn.Module, examples: Sequence[Example]) -> float:
    """The share of sentences, or of words, whose likeliest class is right."""
    scores = predict(model, [ids for ids, _ in examples])
    right = [s.argmax(-1) == torch.as_tensor(target) for s, (_, target) in zip(scores, examples, strict=True)]
    return torch.cat([r.flatten() for r in right]).double().mean().item()


def padded(batch: Sequence[Example]) -> tuple[Tensor, Tensor, Tensor]:
    """A batch as ``(input [T, B], target [B] or [T, B], lengths [B])``; targets of the padding do not count.

    >>> padded([([5, 6], [1, 2]), ([7], [0])])[1]
    tensor([[   1,    0],
            [   2, -100]])
    """
    inputs = [torch.tensor(ids) for ids, _ in batch]
    lengths = torch.tensor([len(ids) for ids, _ in batch])
    if isinstance(batch[0][1], int):
        target = torch.tensor([target for _, target in batch])
    else:
        target = nn.utils.rnn.pad_sequence([torch.tensor(tags) for _, tags in batch], padding_value=IGNORED)
    return nn.utils.rnn.pad_sequence(inputs), target, lengths


def _shuffled(examples: Sequence[Example], batch_size: int, generator: torch.Generator) -> list[list[Example]]:
    order = torch.randperm(len(examples), generator=generator).tolist()
    batches: list[list[Example]] = []
    for first in range(0, len(order), _BUCKET * batch_size):
        bucket = sorted(order[first : first + _BUCKET * batch_size], key=lambda i: len(examples[i][0]))
        starts = range(0, len(bucket), batch_size)
        batches += [[examples[i] for i in bucket[start : start + batch_size]] for start in starts]
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]
