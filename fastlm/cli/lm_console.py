"""What the commands of ``fastlm lm`` share: errors in one line, texts from files, models, progress."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from fastlm.cli.ngram_console import OneLineErrors, fail, note
from fastlm.ngram.inputs import _lines, sources_of
from fastlm.ngram.text import blocks_of, opened

if TYPE_CHECKING:  # torch takes a second to load: only where a command runs
    from fastlm import lm


class ModelErrors(OneLineErrors):
    """As for ``fastlm ngram``; a loss that is not finite and Ctrl-C end a command in one line, too."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except FloatingPointError as error:
            fail(str(error))
        except KeyboardInterrupt:
            note("stopped")
            raise typer.Exit(130) from None


class Sentences:
    """The lines of texts, as often as they are asked for.

    Args:
        texts: files, folders, patterns, also compressed; ``-`` is standard input, of which the lines are kept.
        lower: in lower case.

    Raises:
        OSError: there is no such file.
    """

    def __init__(self, texts: Sequence[str], lower: bool = False) -> None:
        self._sources = [str(source) for source in sources_of(list(texts))]
        self._lower = lower
        self._kept: list[str] | None = None

    def __iter__(self) -> Iterator[str]:
        if "-" in self._sources and self._kept is None:
            self._kept = list(self._read())
        return iter(self._kept) if self._kept is not None else self._read()

    def _read(self) -> Iterator[str]:
        for source in self._sources:
            with opened(source) as (name, file):
                for _, lines in _lines(name, blocks_of(name, file), "strict"):
                    yield from (line.lower() for line in lines) if self._lower else lines


def loaded_model(path: Any, kinds: tuple[str, ...]) -> lm.Loaded:
    """What is in a file of ``fastlm lm``.

    Raises:
        ValueError: it is none, or its model is of none of these kinds.
        OSError: it cannot be read.
    """
    from fastlm import lm

    loaded = lm.load(path)
    kind = type(loaded.model).__name__
    if kind not in kinds:
        raise ValueError(f"{path}: expected {' or '.join(kinds)}, got {kind}")
    return loaded


@contextmanager
def training_progress(total: int) -> Iterator[Callable[[Any], None]]:
    """Shows what a trainer reports: a bar on a terminal; elsewhere, a line an epoch.

    Args:
        total: tokens of the whole run.
    """
    if not sys.stderr.isatty():
        yield _line_of_epoch
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(),
        TextColumn("{task.fields[news]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=total, news="", epoch=1)
        smooth, shown, begin, before = 0.0, 0.0, time.perf_counter(), None

        def report(at: Any) -> None:
            nonlocal smooth, shown, before
            if not hasattr(at, "grad_norm"):
                _line_of_epoch(at, progress.console.print)
                return
            before = at.tokens if before is None else before
            smooth = at.loss if not smooth else 0.98 * smooth + 0.02 * at.loss
            now = time.perf_counter()
            if now - shown > 0.1:
                shown = now
                rate = (at.tokens - before) / (now - begin)
                news = f"{rate:,.0f} words/s, loss {smooth:.3f}, perplexity {perplexity_of(smooth)}"
                progress.update(task, completed=at.tokens, epoch=at.epoch + 1, news=news)

        yield report


def _line_of_epoch(at: Any, show: Callable[[str], object] = lambda line: typer.echo(line, err=True)) -> None:
    if hasattr(at, "grad_norm"):
        return
    valid = "" if at.valid_loss is None else f", validation {perplexity_of(at.valid_loss)}"
    best = " (best)" if at.best and at.valid_loss is not None else ""
    show(f"epoch {at.number}: perplexity {perplexity_of(at.loss)}{valid}{best}, rate {at.lr:.4g}, {at.seconds:.0f} s")


def perplexity_of(loss: float) -> str:
    """For people.

    >>> perplexity_of(4.605170), perplexity_of(1e6)
    ('100.00', 'infinite')
    """
    return f"{math.exp(loss):,.2f}" if loss < 50 else "infinite"
