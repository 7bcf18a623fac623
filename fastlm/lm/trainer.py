"""Training from the first step to the best model: schedule, validation, logs, checkpoints."""

from __future__ import annotations

import math
import os
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastlm.lm.checkpoint import read_checkpoint, write_checkpoint
from fastlm.lm.contract import LanguageModel, State
from fastlm.lm.data import IGNORED, Columns, chunk_lengths
from fastlm.lm.files import Path, check_name
from fastlm.lm.interrupts import Interrupts
from fastlm.lm.logs import Curves, Log
from fastlm.lm.optimizers import make_optimizer, sparse_gradients
from fastlm.lm.processes import Alone, Processes
from fastlm.lm.progress import Progress
from fastlm.lm.recipe import Recipe
from fastlm.lm.saving import save, set_tensors, tensors_of
from fastlm.lm.training import Step, backward, update
from fastlm.lm.vocabulary import END, Vocabulary
from fastlm.optim import NTASGD

_KEPT_IN_MEMORY = 1 << 20


@dataclass(frozen=True)
class Epoch:
    """What an epoch has come to."""

    number: int
    """Epochs done, this one included."""
    step: int
    tokens: int
    seconds: float
    lr: float
    loss: float
    """Of training: mean over the epoch, in nats a token."""
    valid_loss: float | None
    """Of the validation text."""
    best: bool
    """Whether no epoch before was as good."""


class Trainer:
    """Trains a language model by a recipe.

    Each step is that of :func:`fastlm.lm.train`. After each epoch the validation text is measured, the learning rate
    goes by the recipe, and the best model is kept; at the end, ``model`` is that one. With ``output``, the best model
    is written there, and all of the run in ``output.checkpoint``: at the start, every ``save_every`` seconds, after
    each epoch and at Ctrl-C, SIGTERM or the end of ``seconds``. A run that is resumed from it goes on as if it had
    not stopped, bit for bit.

    Args:
        model: one of :mod:`fastlm.lm`, on its device.
        ids: the text: [N] of integers, a tensor or an array, such as :attr:`fastlm.lm.Tokens.ids`.
        vocabulary: of the text.
        recipe: optimiser and schedule.
        valid: another text, to validate on, in as many columns as the recipe's batch has.
        output: file for the model; None: nothing is written.
        seed: of the dropouts and of variable chunks.
        seconds: stop after this time; that before a resumption does not count.
        save_every: seconds between checkpoints.
        log: file for a table of the run: ``.csv``, or else JSON lines.
        log_every: steps between its rows.
        tensorboard: folder for TensorBoard.
        report: called after each step with a :class:`Step`, after each epoch with an :class:`Epoch`.
        processes: what trains together; one process by default.
        meta: what else is to be written into the model's file, for JSON.

    Raises:
        ValueError: a text is shorter than the recipe's batch, or the vocabulary is not the model's.

    Example:
        >>> from fastlm.lm import RecurrentLM
        >>> vocabulary = Vocabulary.from_sentences(["a b c"])
        >>> ids = vocabulary.encode(["a b c"] * 50)
        >>> recipe = Recipe(lr=0.05, batch_size=4, epochs=20)
        >>> trainer = Trainer(RecurrentLM(len(vocabulary), 8), ids, vocabulary, recipe, valid=ids[:40])
        >>> trainer.run()
        >>> trainer.progress.epoch, trainer.progress.best < 0.5
        (20, True)
    """

    def __init__(
        self,
        model: LanguageModel,
        ids: Any,
        vocabulary: Vocabulary,
        recipe: Recipe | None = None,
        *,
        valid: Any = None,
        output: Path | None = None,
        seed: int = 1,
        seconds: float = math.inf,
        save_every: float = 600.0,
        log: Path | None = None,
        log_every: int = 100,
        tensorboard: Path | None = None,
        report: Callable[[Step | Epoch], object] = lambda _: None,
        processes: Processes | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.recipe = recipe = recipe or Recipe()
        self.vocabulary = vocabulary
        self.processes = processes or Alone()
        start = vocabulary.id_of(END)
        where = {"rank": self.processes.rank, "world": self.processes.world}
        _check_text(ids, "text", recipe.batch_size)
        self.text = Columns(ids, recipe.batch_size, start, **where)
        self.valid = None
        if valid is not None:
            _check_text(valid, "validation text", self.processes.world)
            columns = min(recipe.batch_size, len(valid) // self.processes.world * self.processes.world)
            self.valid = Columns(valid, columns, start, **where)
        if model.decoder.words != len(vocabulary):
            raise ValueError(
                f"expected a vocabulary of the model's {model.decoder.words} words, got one of {len(vocabulary)}"
            )
        self.seed = seed
        self.meta = dict(meta or {})
        self.limit = seconds
        self.save_every = save_every
        self.report = report
        self.output = None if output is None else os.fspath(output)
        if self.output is not None:
            check_name(self.output)
        self._log_path, self._log_every, self._tensorboard = log, log_every, tensorboard
        self._log: Log | None = None
        self._curves: Curves | None = None
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.device = self.parameters[0].device
        self.optimizer = make_optimizer(recipe, self.parameters)
        self.progress = Progress(lr=recipe.lr)
        self.state: State = None
        self.best: dict[str, Tensor] | None = None
        self._resumed = False

    @property
    def checkpoint(self) -> str | None:
        """The file that holds the run."""
        return None if self.output is None else f"{self.output}.checkpoint"

    @cached_property
    def facts(self) -> dict[str, dict[str, Any]]:
        """What a run that is resumed must have in common with this one. Epochs, time and patience may be others."""
        recipe = {name: x for name, x in asdict(self.recipe).items() if name not in ("epochs", "patience")}
        return {
            "model": self.model.config,
            "vocabulary": {"unit": self.vocabulary.unit, "words": len(self.vocabulary), "sum": _sum(self.vocabulary)},
            "text": _fingerprint(self.text.ids),
            "validation text": {} if self.valid is None else _fingerprint(self.valid.ids),
            "recipe": {**recipe, "seed": self.seed},
            "run": {"processes": self.processes.world},
        }

    def resume(self) -> None:
        """Goes on from :attr:`checkpoint` at the next :meth:`run`.

        Raises:
            ValueError: there is no ``output``, or the file is another run's; says what differs.
            OSError: the file cannot be read.
        """
        if self.checkpoint is None:
            raise ValueError("expected an output, beside which the checkpoint is")
        read_checkpoint(self, self.checkpoint)
        done = self.progress
        out_of_patience = self.recipe.patience is not None and done.stalled >= self.recipe.patience
        done.finished = done.epoch >= self.recipe.epochs or out_of_patience
        self._resumed = True

    def run(self) -> None:
        """Trains to the end.

        Raises:
            FloatingPointError: the loss or the gradient is not finite; says at which step. The last checkpoint stays.
            KeyboardInterrupt: Ctrl-C or SIGTERM, after the step and a checkpoint.
            OSError: a file cannot be written; those that were there stay.
        """
        first = self.processes.rank == 0
        if not self._resumed:
            torch.manual_seed(self.seed + self.processes.rank)
        if first and self._log_path is not None:
            self._log = Log(self._log_path, self.progress.log_bytes)
        if first and self._tensorboard is not None:
            self._curves = Curves(self._tensorboard, self.progress.step)
        try:
            alone = isinstance(self.processes, Alone)  # several add dense gradients up
            sparse = sparse_gradients(self.model, self.recipe) if alone else nullcontext()
            with Interrupts() as interrupts, sparse:
                if not self._resumed:
                    self.save_checkpoint()
                    self._resumed = True
                self._together = self.processes.join(self.model)
                self._saved = now = time.perf_counter()
                self._begin, end = now - self.progress.seconds, now + self.limit
                while not self.progress.finished:
                    if not self._epoch(interrupts, end):
                        self._end_early()
                        break
            self._use_best()
            self._write_model()
            self.processes.any([])
        finally:
            for closing in (self._log, self._curves):
                if closing is not None:
                    closing.close()

    def validation_loss(self) -> float | None:
        """Mean cross-entropy of the validation text, in nats a token; None without one."""
        if self.valid is None:
            return None
        with self._averages():
            return self._measure(self.valid)

    def save_checkpoint(self) -> None:
        """Writes all of the run to :attr:`checkpoint`; nothing without ``output``.

        Raises:
            FloatingPointError: a parameter is not finite.
            OSError: the file cannot be written; the one before is as it was.
        """
        if not all(parameter.isfinite().all() for parameter in self.parameters):
            raise self._lost(f"the parameters are not finite after step {self.progress.step}; lower the learning rate")
        if self._log is not None:
            self.progress.log_bytes = self._log.flush()
        if self.checkpoint is not None:
            write_checkpoint(self, self.checkpoint)
            self.processes.any([])  # the others wait until it is there
        self._saved = time.perf_counter()

    def _epoch(self, interrupts: Interrupts, end: float) -> bool:
        """The rest of an epoch; returns whether there was time for it."""
        progress, recipe = self.progress, self.recipe
        seed = self.seed * 1_000_003 + progress.epoch
        lengths = chunk_lengths(len(self.text), recipe.bptt, variable=recipe.variable_bptt, seed=seed)
        place = sum(lengths[: progress.chunk])
        for length in lengths[progress.chunk :]:
            self._step(place, length)
            place += length
            now = time.perf_counter()
            progress.seconds = now - self._begin
            stop, over, due = self.processes.any(
                [interrupts.caught > 0, now >= end, now - self._saved >= self.save_every]
            )
            if stop or over or due:
                self.save_checkpoint()
            if stop:
                raise KeyboardInterrupt
            if over:
                return False
        self._end_epoch()
        return True

    def _step(self, place: int, length: int) -> None:
        progress, recipe = self.progress, self.recipe
        x, y = (words.to(self.device) for words in self.text.piece(place, length))
        own, all_targets = int((y != IGNORED).sum()), self.text.count(place, length)
        if not own:  # the last process at the end of a text: its gradient counts 0, whatever it is
            y = y.clamp(min=0)
        share = own * self.processes.world / all_targets
        scale = share * length if recipe.sum_steps else share
        self._set_lr(progress.lr * (length / recipe.bptt if recipe.variable_bptt else 1.0))
        self.model.train()
        loss, self.state = backward(self._together, x, y, self.state, self.parameters, scale)
        try:
            norm = update(self.optimizer, self.parameters, loss, recipe.clip, progress.step + 1)
        except FloatingPointError as error:
            raise self._lost(str(error)) from None
        progress.step += 1
        progress.chunk += 1
        progress.tokens += all_targets
        progress.nats += loss * own
        progress.epoch_tokens += own
        progress.seconds = time.perf_counter() - self._begin
        step = Step(progress.step, progress.epoch, progress.tokens, progress.seconds, loss, norm)
        if step.number % self._log_every == 0:
            self._write(step, {"lr": progress.lr, "loss": loss, "perplexity": _exp(loss), "grad_norm": step.grad_norm})
        self.report(step)

    def _lost(self, why: str) -> FloatingPointError:
        kept = "" if self.checkpoint is None else f"; the last good checkpoint is {self.checkpoint}"
        return FloatingPointError(why + kept)

    def _end_epoch(self) -> None:
        progress = self.progress
        self.state = None
        nats, tokens = self.processes.total([progress.nats, progress.epoch_tokens])
        loss, valid_loss, lr = nats / tokens, self.validation_loss(), progress.lr
        measured = loss if valid_loss is None else valid_loss
        best = progress.end_epoch(measured, self.recipe)
        if best:
            self._keep_best()
        if isinstance(self.optimizer, NTASGD):
            self.optimizer.observe(measured)
        epoch = Epoch(progress.epoch, progress.step, progress.tokens, progress.seconds, lr, loss, valid_loss, best)
        row = {"lr": lr, "loss": loss, "perplexity": _exp(loss)}
        if valid_loss is not None:
            row |= {"valid_loss": valid_loss, "valid_perplexity": _exp(valid_loss)}
        self._write(epoch, row)
        self.save_checkpoint()
        if best:
            self._write_model()
        self.report(epoch)

    def _end_early(self) -> None:
        """Time is over amid an epoch: what is there now may be the best. The checkpoint does not know of this."""
        loss = self.validation_loss()
        if loss is None or self.progress.best is None or loss < self.progress.best:
            self._keep_best()

    def _keep_best(self) -> None:
        with self._averages():
            self.best = {name: tensor.detach().clone() for name, tensor in tensors_of(self.model).items()}

    def _averages(self) -> AbstractContextManager[None]:
        """The parameters are their averages for a while, where there are such."""
        return self.optimizer.averages() if isinstance(self.optimizer, NTASGD) else nullcontext()

    def _use_best(self) -> None:
        if self.best is not None:
            set_tensors(self.model, self.best, "the best model")
        self.model.eval()

    def _write_model(self) -> None:
        if self.output is None or self.processes.rank:
            return
        done = self.progress
        facts = {"epochs": done.epoch, "steps": done.step, "tokens": done.tokens, "loss": done.best, "seed": self.seed}
        save(self.model, self.vocabulary, self.output, self.meta | facts, tensors=self.best)

    @torch.no_grad()
    def _measure(self, text: Columns) -> float:
        self.model.eval()
        state, nats, tokens = None, 0.0, 0
        for place in range(0, len(text), self.recipe.bptt):
            x, y = (words.to(self.device) for words in text.piece(place, self.recipe.bptt))
            hidden, state = self.model.features(x, state)
            nats += self.model.loss_of(hidden, y, "sum").item()
            tokens += int((y != IGNORED).sum())
        total, number = self.processes.total([nats, float(tokens)])
        return total / number

    def _set_lr(self, lr: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = lr

    def _write(self, at: Step | Epoch, row: dict[str, Any]) -> None:
        number, epoch = (at.number, at.epoch) if isinstance(at, Step) else (at.step, at.number)
        row = {"step": number, "epoch": epoch, "tokens": at.tokens, "seconds": round(at.seconds, 3), **row}
        for table in (self._log, self._curves):
            if table is not None:
                table.write(row)


def _check_text(ids: Any, what: str, least: int) -> None:
    if len(ids) < least:
        raise ValueError(
            f"expected a {what} of at least {least} tokens, one for each column of the batch, got {len(ids)}; "
            "give more text, or make the batch smaller"
        )


def _exp(loss: float) -> float:
    return math.exp(loss) if loss < 700 else math.inf


def _sum(words: Vocabulary) -> int:
    return zlib.crc32("\n".join(words).encode(errors="surrogatepass"))


def _fingerprint(ids: Any) -> dict[str, int]:
    """Length, and a checksum of begin and end: of a text larger than memory not all is read."""
    ends = [np.asarray(part, dtype=np.int64) for part in (ids[:_KEPT_IN_MEMORY], ids[-_KEPT_IN_MEMORY:])]
    return {"tokens": len(ids), "sum": zlib.crc32(ends[1].tobytes(), zlib.crc32(ends[0].tobytes()))}
