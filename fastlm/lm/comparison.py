"""N-gram and neural language models of one text, trained, measured and sampled alike: one row each."""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fastlm import ngram
from fastlm.lm.contract import LanguageModel, State, detached
from fastlm.lm.data import IGNORED, chunks, columns
from fastlm.lm.decoding import text_of
from fastlm.lm.evaluation import evaluate
from fastlm.lm.fixed_window import FixedWindowLM
from fastlm.lm.generation import generate
from fastlm.lm.interpolation import interpolate
from fastlm.lm.optimizers import make_optimizer
from fastlm.lm.recipe import Recipe
from fastlm.lm.recurrent import RecurrentLM
from fastlm.lm.trainer import Epoch, Trainer
from fastlm.lm.training import Step, backward, update
from fastlm.lm.vocabulary import END, Vocabulary
from fastlm.ngram.inputs import Sentences

NGRAMS: dict[str, tuple[str, int]] = {
    "add-delta-3": ("add-delta", 3),
    "backoff-3": ("backoff", 3),
    **{f"kneser-ney-{n}": ("modified-kneser-ney", n) for n in (2, 3, 4, 5)},
}
NEURAL: dict[str, dict[str, Any]] = {
    "window": {"window": 4, "embedding_size": 60, "hidden_size": 200},
    "elman": {"cell": "rnn_tanh", "num_layers": 1},
    "gru": {"cell": "gru", "num_layers": 1},
    "lstm": {"cell": "lstm", "num_layers": 2},
}
MODELS = (*NGRAMS, *NEURAL)
_TITLES = {
    "add-delta-3": "3-gram, add-delta",
    "backoff-3": "3-gram, backoff",
    **{f"kneser-ney-{n}": f"{n}-gram, Kneser-Ney" for n in (2, 3, 4, 5)},
    "window": "fixed window of 4 words",
    "elman": "Elman RNN",
    "gru": "GRU",
    "lstm": "LSTM, 2 layers",
    "mixture": "best n-gram + best neural",
}
_RECIPE = Recipe(optimizer="adamw", lr=2e-3, clip=1.0, batch_size=20, bptt=20, decay=0.5, decay_on_stall=True)
_DROPOUT = 0.2
_RACE = 8
"""Steps of fastlm and of torch.nn that are timed, in alternation."""


@dataclass(frozen=True)
class Split:
    """The lines of a text, for three purposes."""

    train: list[str]
    valid: list[str]
    test: list[str]

    @classmethod
    def of(cls, lines: Sequence[str]) -> Split:
        """The last twentieth is to test, that before it to validate, the rest to train; empty lines are left out.

        Raises:
            ValueError: there are less than 20 lines.

        Example:
            >>> split = Split.of([str(i) for i in range(40)])
            >>> len(split.train), split.valid, split.test
            (36, ['36', '37'], ['38', '39'])
        """
        full = [line for line in lines if line.strip()]
        if len(full) < 20:
            raise ValueError(f"expected a text of at least 20 lines, to train, validate and test, got {len(full)}")
        part = len(full) // 20
        return cls(full[: -2 * part], full[-2 * part : -part], full[-part:])


@dataclass(frozen=True)
class Row:
    """What is known of a model."""

    model: str
    """A name of :data:`MODELS`, or ``"mixture"``."""
    title: str
    perplexity: float
    """Of the test text, over all tokens, ``</s>`` and ``<unk>`` included; infinite if training diverged."""
    valid_perplexity: float
    bytes: int
    """Of an n-gram model's file; of the parameters."""
    parameters: int | None
    """n-grams have none."""
    seconds: float
    """Of training."""
    words_per_second: float | None
    """Of training, fastlm."""
    torch_words_per_second: float | None = None
    """Of training, the same model of torch.nn, measured in alternation."""
    torch_perplexity: float | None = None
    """Of the same model of torch.nn, trained alike; only where that was asked for."""
    epochs: int | None = None
    sample: str = ""
    curve: list[tuple[float, float]] = field(default_factory=list)
    """Seconds of training, and the perplexity of the validation text, after each epoch."""
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """All rows, and what they are of."""

    rows: list[Row]
    facts: dict[str, Any]
    """Tokens of each part, size of the vocabulary, seed, epochs ..."""

    def notes(self) -> list[str]:
        """What the rows say together: each neural model beside the best n-gram model, and beside torch.nn's."""
        ngrams = [row for row in self.rows if row.model in NGRAMS]
        found = []
        best = min(ngrams, key=lambda row: row.perplexity, default=None)
        for row in self.rows:
            if best is not None and row.model not in NGRAMS and row.perplexity < math.inf:
                found.append(f"{row.title}: {_beside(row.perplexity, best.perplexity)} the {best.title}")
            if row.torch_perplexity is not None and row.perplexity < math.inf:
                found.append(f"{row.title}: {_beside(row.perplexity, row.torch_perplexity)} the same model of torch.nn")
            if row.note:
                found.append(f"{row.title}: {row.note}")
        return found


def compare(
    split: Split,
    *,
    models: Sequence[str] = MODELS,
    vocabulary_size: int = 10_000,
    hidden_size: int = 200,
    epochs: int = 13,
    seconds: float = math.inf,
    seed: int = 1,
    reference: bool = False,
    report: Callable[[str, Step | Epoch | None], object] = lambda _, __: None,
) -> Comparison:
    """Trains models on the same text with the same vocabulary, and measures them on the same held-out text.

    All neural models are trained alike: AdamW from a learning rate of 0.002, halved after an epoch in which the
    perplexity of the validation text does not fall; a dropout of 0.2; 20 columns, 20 steps a chunk. The epoch with the
    lowest such perplexity counts.

    Args:
        split: the text.
        models: names of :data:`MODELS`; with n-gram and neural ones, the best of both are mixed, too.
        vocabulary_size: the most frequent words of the training text, so many, ``<unk>`` and ``</s>`` included.
        hidden_size: hidden units of the recurrent models.
        epochs: of training.
        seconds: of training, of each model, at most.
        seed: of weights and samples.
        reference: train the recurrent models of torch.nn, too, with the same seed and schedule.
        report: called with the model's name: with None when it begins, then after steps and epochs.

    Raises:
        ValueError: there is no such model, or the text is too short.

    Example:
        >>> text = ["the cat sat on the mat", "the dog sat on the cat"] * 40
        >>> found = compare(Split.of(text), models=["kneser-ney-2", "elman"], hidden_size=8, epochs=1)
        >>> [row.title for row in found.rows]
        ['2-gram, Kneser-Ney', 'Elman RNN', 'best n-gram + best neural']
    """
    if unknown := [name for name in models if name not in MODELS]:
        raise ValueError(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    vocabulary = Vocabulary.from_sentences(split.train, vocabulary_size)
    start = time.perf_counter()
    run = _Run(split, vocabulary, hidden_size, epochs, seconds, seed, reference, report)
    rows: list[Row] = []
    made: dict[str, Any] = {}
    for name in models:
        report(name, None)
        row, made[name] = run.ngram(name) if name in NGRAMS else run.neural(name)
        rows.append(row)
    best = [
        min((row for row in rows if row.model in kind), key=lambda row: row.valid_perplexity, default=None)
        for kind in (NGRAMS, NEURAL)
    ]
    if best[0] is not None and best[1] is not None and best[1].perplexity < math.inf:
        report("mixture", None)
        rows.append(run.mixture(made, best[0], best[1]))
    facts = {
        "lines": {name: len(lines) for name, lines in vars(split).items()},
        "tokens": {name: len(ids) for name, ids in run.ids.items()},
        "vocabulary": len(vocabulary),
        "hidden_size": hidden_size,
        "epochs": epochs,
        "seconds_per_model": seconds,
        "seed": seed,
        "threads": torch.get_num_threads(),
        "seconds": time.perf_counter() - start,
    }
    return Comparison(rows, facts)


class _Run:
    """What all models share."""

    def __init__(
        self,
        split: Split,
        vocabulary: Vocabulary,
        hidden_size: int,
        epochs: int,
        seconds: float,
        seed: int,
        reference: bool,
        report: Callable[[str, Step | Epoch | None], object],
    ) -> None:
        self.split, self.vocabulary, self.hidden_size, self.seed = split, vocabulary, hidden_size, seed
        self.seconds, self.reference, self.report = seconds, reference, report
        self.recipe = replace(_RECIPE, epochs=epochs)
        self.ids = {name: vocabulary.encode(lines) for name, lines in vars(split).items()}

    def ngram(self, name: str) -> tuple[Row, ngram.Model]:
        smoothing, order = NGRAMS[name]
        start = time.perf_counter()
        table = ngram.count_sentences(self.split.train, order, vocabulary=list(self.vocabulary)[2:])
        if smoothing == "add-delta":
            model = table.estimate(smoothing, delta="best", heldout=Sentences(self.split.valid))
        elif smoothing == "backoff":
            model = table.estimate(smoothing)
        else:
            model = table.estimate(smoothing, discount_fallback=True)
        seconds = time.perf_counter() - start
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "model")
            model.save(path)
            size = os.path.getsize(path)
        row = Row(
            name,
            _TITLES[name],
            model.perplexity_of(self.split.test).perplexity,
            model.perplexity_of(self.split.valid).perplexity,
            size,
            None,
            seconds,
            len(self.ids["train"]) / seconds,
            sample=model.generate(max_words=30, seed=self.seed),
            note=f"delta {model.parameters['delta'][0]:.3g}" if smoothing == "add-delta" else "",
        )
        return row, model

    def neural(self, name: str) -> tuple[Row, LanguageModel]:
        ours, theirs = self._race(name)
        model, trainer, curve = self._trained(name, "fastlm")
        test, valid = (self._perplexity(model, part) if trainer else math.inf for part in ("test", "valid"))
        row = Row(
            name,
            _TITLES[name],
            test,
            valid,
            sum(p.numel() * p.element_size() for p in model.parameters()),
            sum(p.numel() for p in model.parameters()),
            trainer.progress.seconds if trainer else 0.0,
            ours,
            theirs,
            self._reference_perplexity(name),
            trainer.progress.epoch if trainer else 0,
            self._sample(model) if test < math.inf else "",
            curve,
            "" if test < math.inf else "diverged; its training came to numbers that are not finite",
        )
        return row, model

    def mixture(self, made: dict[str, Any], best_ngram: Row, best_neural: Row) -> Row:
        both = interpolate(made[best_ngram.model], made[best_neural.model], self.vocabulary, self.split.valid)
        return Row(
            "mixture",
            _TITLES["mixture"],
            both.evaluate(self.split.test).perplexity,
            both.evaluate(self.split.valid).perplexity,
            best_ngram.bytes + best_neural.bytes,
            best_neural.parameters,
            best_ngram.seconds + best_neural.seconds,
            None,
            note=f"{both.weight:.2f} {best_neural.title} + {1 - both.weight:.2f} {best_ngram.title}",
        )

    def _make(self, name: str, recurrent: str) -> LanguageModel:
        torch.manual_seed(self.seed)
        words, options = len(self.vocabulary), NEURAL[name]
        model: LanguageModel
        if name == "window":
            model = FixedWindowLM(words, dropout=_DROPOUT, **options)
        else:
            model = RecurrentLM(
                words, self.hidden_size, dropout=_DROPOUT, init="uniform", recurrent=recurrent, **options
            )
        model.start_from_unigrams(self.ids["train"])
        return model

    def _trained(self, name: str, recurrent: str) -> tuple[LanguageModel, Trainer | None, list[tuple[float, float]]]:
        """The model, what trained it, None if the training diverged, and how its perplexity fell."""
        model, curve = self._make(name, recurrent), []

        def report(at: Step | Epoch) -> None:
            if isinstance(at, Epoch) and at.valid_loss is not None:
                curve.append((at.seconds, math.exp(min(at.valid_loss, 700))))
            self.report(name, at)

        trainer = Trainer(
            model,
            self.ids["train"],
            self.vocabulary,
            self.recipe,
            valid=self.ids["valid"],
            seed=self.seed,
            seconds=self.seconds,
            report=report,
        )
        try:
            trainer.run()
        except FloatingPointError:
            return model, None, curve
        return model, trainer, curve

    def _reference_perplexity(self, name: str) -> float | None:
        if not self.reference or name == "window":
            return None
        model, trainer, _ = self._trained(name, "torch")
        return self._perplexity(model, "test") if trainer else math.inf

    def _perplexity(self, model: LanguageModel, part: str) -> float:
        value = evaluate(model, self.vocabulary, getattr(self.split, part)).perplexity
        return value if math.isfinite(value) else math.inf

    def _sample(self, model: LanguageModel) -> str:
        return text_of(self.vocabulary, generate(model, self.vocabulary, max_words=30, seed=self.seed))

    def _race(self, name: str) -> tuple[float, float]:
        """Words a second of training, of fastlm and of torch.nn: medians of steps in alternation."""
        recipe = self.recipe
        text = columns(self.ids["train"], recipe.batch_size, self.vocabulary.id_of(END))
        models = [self._make(name, recurrent).train() for recurrent in ("fastlm", "torch")]
        optimizers = [
            make_optimizer(recipe, list(models[0].parameters())),
            torch.optim.AdamW(models[1].parameters(), recipe.lr, weight_decay=recipe.weight_decay),
        ]
        states: list[State] = [None, None]
        paces: list[list[float]] = [[], []]
        for x, y in islice(chunks(*text, recipe.bptt), _RACE):
            for i, step in enumerate((_fast_step, _plain_step)):
                start = time.perf_counter()
                states[i] = step(models[i], optimizers[i], x, y, states[i], recipe)
                paces[i].append(int((y != IGNORED).sum()) / (time.perf_counter() - start))
        ours, theirs = (statistics.median(pace[1:] or pace) for pace in paces)
        return ours, theirs


def _fast_step(
    model: LanguageModel, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, state: State, recipe: Recipe
) -> State:
    """As the trainer takes it."""
    parameters = list(model.parameters())
    loss, state = backward(model, x, y, state, parameters)
    update(optimizer, parameters, loss, recipe.clip, 1)
    return state


def _plain_step(
    model: LanguageModel, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor, state: State, recipe: Recipe
) -> State:
    """As one writes it with torch alone."""
    hidden, state = model.features(x, detached(state))
    loss = cross_entropy(model.decoder(hidden).flatten(0, 1), y.flatten(), ignore_index=IGNORED)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip or math.inf)
    optimizer.step()
    return state


def _beside(perplexity: float, other: float) -> str:
    percent = 100 * (perplexity / other - 1)
    return f"perplexity {abs(percent):.1f} % {'above' if percent > 0 else 'below'}"
