"""How far back a gradient reaches, where it explodes, and what clipping does, for the cells of a recurrent model.

Bengio, Simard & Frasconi (1994), "Learning long-term dependencies with gradient descent is difficult"; Pascanu, Mikolov
& Bengio (2013), "On the difficulty of training recurrent neural networks".
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fastlm.lm.contract import LanguageModel, State, map_state
from fastlm.lm.data import columns
from fastlm.lm.decoding import device_of
from fastlm.lm.recurrent import RecurrentLM
from fastlm.lm.training import train

CELLS = ("rnn_tanh", "rnn_relu", "gru", "lstm")


@dataclass(frozen=True)
class Training:
    """The gradients of a short training run."""

    clip: float | None
    """Largest norm of a gradient; None: any."""
    losses: list[float]
    """Of each step, in nats a token."""
    norms: list[float]
    """Of each step's gradient, before clipping."""
    diverged: int | None
    """The step whose loss or gradient was not finite; None: none."""

    @property
    def loss(self) -> float:
        """Mean of the last tenth of the steps; infinite if there came to be none."""
        return math.inf if self.diverged else statistics.fmean(self.losses[-max(1, len(self.losses) // 10) :])

    @property
    def norms_after(self) -> list[float]:
        """Of each step's gradient, after clipping."""
        return [norm if self.clip is None else min(norm, self.clip) for norm in self.norms]

    @property
    def largest(self) -> float:
        """Largest norm before clipping."""
        return math.inf if self.diverged else max(self.norms)

    def exploding(self, threshold: float) -> int:
        """Steps whose gradient was longer than a threshold, that of clipping."""
        return sum(norm > threshold for norm in self.norms) + (self.diverged is not None)


@dataclass(frozen=True)
class CellGradients:
    """What :func:`gradients` has found of a cell. The norms: number k is that of d loss_t / d state_{t-k}."""

    cell: str
    untrained: list[float]
    trained: list[float]
    singular_values: tuple[float, float]
    """The largest of U, untrained and trained; of several gates, that of the gate which has the largest."""
    clipped: Training
    unclipped: Training


def gradients(
    ids: Tensor,
    vocab_size: int,
    *,
    cells: Sequence[str] = CELLS,
    hidden_size: int = 64,
    steps: int = 50,
    updates: int = 300,
    learning_rate: float = 1.0,
    clip: float = 1.0,
    singular_value: float | None = None,
    places: Tensor | None = None,
    seed: int = 1,
    report: Callable[[str], object] = lambda _: None,
) -> list[CellGradients]:
    """Measures each cell as it starts, trains it with clipping and without, and measures it again.

    Args:
        ids: [N] int64, a text.
        vocab_size: words.
        cells: of :class:`fastlm.lm.RecurrentLM`.
        hidden_size: hidden units.
        steps: how far back to look, and the length of a chunk of training.
        updates: steps of SGD, in each run.
        learning_rate: of SGD.
        clip: largest norm of a gradient, in the run with clipping.
        singular_value: U is scaled so that this is its largest one at the start; None: U is as torch starts it.
        places: of the tokens whose losses are looked at; None: any.
        seed: of the weights and of the places: all cells see the same ones.
        report: called with what is done next.

    Returns:
        One result a cell.

    Raises:
        ValueError: the text is too short, or an argument is out of range.

    Example:
        >>> ids, places = recall_task(delay=3, sentences=100)
        >>> (found,) = gradients(ids, 10, cells=["lstm"], hidden_size=8, steps=4, updates=5, places=places)
        >>> len(found.trained), found.clipped.exploding(1.0)
        (5, 0)
    """
    if updates < 1 or learning_rate <= 0 or clip <= 0 or (singular_value is not None and singular_value < 0):
        raise ValueError(
            "expected updates >= 1, learning_rate > 0, clip > 0 and singular_value >= 0, "
            f"got {updates}, {learning_rate}, {clip} and {singular_value}"
        )
    found = []
    for cell in cells:

        def start(cell: str = cell) -> RecurrentLM:
            torch.manual_seed(seed)
            model = RecurrentLM(vocab_size, hidden_size, cell=cell)
            if singular_value is not None:
                _scale_recurrent_weights(model, singular_value)
            return model

        report(f"{cell}: untrained")
        model = start()
        untrained, value = gradient_reach(model, ids, steps, places=places, seed=seed), largest_singular_value(model)
        report(f"{cell}: training without clipping")
        unclipped = _trained(start(), ids, steps, updates, learning_rate, None)
        report(f"{cell}: training with clipping")
        clipped = _trained(model, ids, steps, updates, learning_rate, clip)
        trained = gradient_reach(model, ids, steps, places=places, seed=seed)
        values = (value, largest_singular_value(model))
        found.append(CellGradients(cell, untrained, trained, values, clipped, unclipped))
    return found


def gradient_reach(
    model: LanguageModel,
    ids: Tensor,
    steps: int,
    *,
    places: Tensor | None = None,
    positions: int = 256,
    seed: int = 1,
) -> list[float]:
    """The norm of d loss_t / d state_{t-k} for k = 0 ... steps, the mean over tokens t of a text.

    The state is h, of an LSTM h and c together, of all layers. At k = 0 it is what the output layer reads.

    Args:
        model: whose state is made of floating point numbers; left in evaluation mode.
        ids: [N] int64, a text.
        steps: how far back.
        places: of the tokens t; None: any.
        positions: tokens to look at, at most: drawn from ``places``.
        seed: of that.

    Returns:
        [steps + 1].

    Raises:
        ValueError: no place has so many tokens before it.

    Example:
        >>> model = RecurrentLM(5, hidden_size=8)
        >>> norms = gradient_reach(model, torch.arange(100) % 5, steps=10)
        >>> norms[10] < norms[1]
        True
    """
    if steps < 1:
        raise ValueError(f"expected at least one step, got {steps}")
    every = torch.arange(len(ids)) if places is None else places
    every = every[every > steps]
    if not len(every):
        raise ValueError(
            f"expected a text with a token behind {steps + 1} others, got {len(ids)} tokens; take fewer steps"
        )
    model.eval()
    generator = torch.Generator().manual_seed(seed)
    chosen = every[torch.randperm(len(every), generator=generator)[:positions]]
    before = min(steps, int(chosen.min()) - steps - 1)  # tokens read first, so that the state is a usual one
    text = ids[chosen + torch.arange(-steps - 1 - before, 1).unsqueeze(1)].to(device_of(model))  # [time, positions]
    with torch.no_grad():
        _, state = model.features(text[: before + 1])
    states = []
    for word in text[before + 1 : -1]:
        state = _watched(state)
        states.append(_tensors(state))
        hidden, state = model.features(word.unsqueeze(0), state)
    loss = model.loss_of(hidden, text[-1:], reduction="sum")  # a sum: the positions have nothing to do with each other
    watched = [[hidden], *reversed(states)]
    slopes = iter(torch.autograd.grad(loss, [x for tensors in watched for x in tensors], materialize_grads=True))
    return [
        torch.stack([next(slopes).square().sum((0, 2)) for _ in tensors]).sum(0).sqrt().mean().item()
        for tensors in watched
    ]


def _watched(state: State) -> State:
    """The same state, whose gradient can be asked for."""
    return map_state(lambda x: x if x.requires_grad else x.requires_grad_(), state)


def _tensors(state: State) -> list[Tensor]:
    found: list[Tensor] = []
    map_state(lambda x: found.append(x) or x, state)  # type: ignore[func-returns-value]
    return found


def largest_singular_value(model: torch.nn.Module) -> float:
    """That of the recurrent matrices U of all layers; each gate has its own, [H, H].

    >>> model = RecurrentLM(5, hidden_size=2)
    >>> _ = torch.nn.init.eye_(model.rnn.weight_hh_l0)
    >>> largest_singular_value(model)
    1.0
    """
    matrices = [gate for weight in _recurrent_weights(model) for gate in weight.split(weight.shape[1])]
    if not matrices:
        raise ValueError("the model has no recurrent matrix")
    return max(torch.linalg.matrix_norm(gate, 2).item() for gate in matrices)


def _scale_recurrent_weights(model: torch.nn.Module, value: float) -> None:
    for weight in _recurrent_weights(model):
        for gate in weight.split(weight.shape[1]):
            gate.mul_(value / torch.linalg.matrix_norm(gate, 2))


def _recurrent_weights(model: torch.nn.Module) -> list[Tensor]:
    named = model.named_parameters()
    return [weight.detach() for name, weight in named if ".weight_hh_l" in name and weight.dim() == 2]


def _trained(model: RecurrentLM, ids: Tensor, steps: int, updates: int, rate: float, clip: float | None) -> Training:
    """Trains by plain SGD, so that a gradient's length matters."""
    losses: list[float] = []
    norms: list[float] = []
    text = columns(ids, max(1, min(20, len(ids) // (steps + 1))), 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    diverged = None
    try:
        for step in train(model, *text, optimizer, bptt=steps, clip=math.inf if clip is None else clip):
            losses.append(step.loss)
            norms.append(step.grad_norm)
            if not math.isfinite(step.grad_norm):
                raise FloatingPointError
            if step.number == updates:
                break
    except FloatingPointError:
        diverged = len(losses) + 1
    return Training(clip, losses, norms, diverged)


def recall_task(delay: int, sentences: int = 2000, symbols: int = 8, seed: int = 1) -> tuple[Tensor, Tensor]:
    """A text in which each sentence ends with the symbol that it begins with: one of ``symbols``, then blanks.

    Only who remembers for ``delay`` steps can foretell the last symbol; all else is a matter of chance, or trivial.

    Args:
        delay: blanks between the two.
        sentences: in the text.
        symbols: that there are.
        seed: of the text.

    Returns:
        The text, [N] int64, of ``symbols + 2`` words: 0 is the blank, 1 ends a sentence; and the places in it of the
        symbols that are to be recalled.

    Example:
        >>> ids, places = recall_task(delay=3, sentences=1)
        >>> ids[1:4].tolist(), ids[0].equal(ids[places[0]])
        ([0, 0, 0], True)
    """
    if delay < 0 or sentences < 1 or symbols < 1:
        raise ValueError(f"expected delay >= 0, sentences >= 1 and symbols >= 1, got {delay}, {sentences}, {symbols}")
    drawn = torch.randint(2, 2 + symbols, (sentences, 1), generator=torch.Generator().manual_seed(seed))
    blanks, ends = torch.zeros(sentences, delay, dtype=torch.int64), torch.ones(sentences, 1, dtype=torch.int64)
    text = torch.cat([drawn, blanks, drawn, ends], 1)
    return text.flatten(), torch.arange(sentences) * text.shape[1] + delay + 1
