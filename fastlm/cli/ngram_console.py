"""What the commands of ``fastlm ngram`` share: errors in one line, lines from standard input, progress, JSON."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import typer
from typer.core import TyperGroup

from fastlm import ngram

if TYPE_CHECKING:
    import rich.progress

_UsageError = cast(type[Exception], typer.BadParameter.__mro__[1])  # click's; newer typer has it inside


class OneLineErrors(TyperGroup):
    """Commands whose failures are one line on standard error: exit status 1, or 2 for a wrong command line."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. A reader that closes the pipe early, as head does, has what it wanted: status 0."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes again at its end
            raise typer.Exit(0) from None
        except _UsageError as error:
            fail(error.format_message(), status=2)  # type: ignore[attr-defined]
        except OSError as error:
            fail(f"{_shown(error.filename)}: {error.strerror}" if error.filename else str(error))
        except MemoryError:
            fail("out of memory; a lower order or --max-vocabulary needs less")
        except (ValueError, ModuleNotFoundError) as error:
            fail(str(error))
        return result


def fail(message: str, status: int = 1) -> None:
    """Ends the command."""
    note(message)
    raise typer.Exit(status) from None


def note(message: str) -> None:
    """One line on standard error."""
    typer.echo(f"fastlm: {' '.join(message.split())}", err=True)


def _shown(filename: str | bytes) -> str:
    return os.fsencode(filename).decode(errors="replace")


def load_model(path: Path) -> ngram.Model:
    """The model in a file.

    Raises:
        ValueError: there are only counts in it, or an index.
    """
    found = ngram.load(path)
    if isinstance(found, ngram.SuffixIndex):
        raise ValueError(f"{path}: is an index, which has no probabilities; ask it with fastlm ngram search")
    if isinstance(found, ngram.Table):
        raise ValueError(f"{path}: holds counts without probabilities; make a model of it: table.estimate(...).save")
    return found


def lines_of(texts: list[str]) -> Iterator[str]:
    """The texts of the command line; for a single ``-``, the lines of standard input.

    Raises:
        ValueError: a line is not UTF-8.
    """
    if texts != ["-"]:
        yield from texts
        return
    for number, line in enumerate(sys.stdin.buffer, 1):
        try:
            yield line.rstrip(b"\r\n").decode()
        except UnicodeDecodeError as error:
            raise ValueError(f"standard input:{number}: invalid UTF-8 ({error.reason}); convert it: iconv") from None


def note_unknown(model: ngram.Model, text: str) -> None:
    """Says which words the model does not know."""
    unknown = [score.word for score in model.scores(text.removeprefix("<s>"), eos=False) if score.unknown]
    if unknown:
        note(f"not in the vocabulary, taken as <unk>: {', '.join(dict.fromkeys(unknown))}")


class KenlmQuery:
    """What KenLM's query prints: a line for each sentence, then perplexities."""

    def __init__(self, model: ngram.Model) -> None:
        self._places = {word: i for i, word in enumerate(model.table.vocabulary)}
        self._sums = {False: 0.0, True: 0.0}  # log10, of known words and of others
        self._numbers = {False: 0, True: 0}

    def line(self, scores: list[ngram.WordScore]) -> str:
        """``word=id length log10`` for each word, then their sum."""
        for word in scores:
            self._sums[word.unknown] += word.log10
            self._numbers[word.unknown] += 1
        words = [f"{w.word}={self._places.get(w.word, 0)} {w.order} {_single(w.log10)}" for w in scores]
        total, unknown = sum(word.log10 for word in scores), sum(word.unknown for word in scores)
        return "\t".join([*words, f"Total: {_single(total)} OOV: {unknown}"])

    def summary(self) -> str:
        """Perplexities over all that was scored, with unknown words and without."""
        tokens = sum(self._numbers.values())
        including = _perplexity(sum(self._sums.values()), tokens)
        excluding = _perplexity(self._sums[False], self._numbers[False])
        return (
            f"Perplexity including OOVs:\t{including}\nPerplexity excluding OOVs:\t{excluding}\n"
            f"OOVs:\t{self._numbers[True]}\nTokens:\t{tokens}"
        )


def _perplexity(log10: float, tokens: int) -> float:
    return 10 ** (-log10 / tokens) if tokens else math.nan


def _single(x: float) -> str:
    """The shortest digits that are this number in single precision."""
    return f"{np.float32(x)}"


def print_json(data: Mapping[str, object], *, indent: int | None = None) -> None:
    """An object; without ``indent`` on one line. Infinite numbers, which JSON does not have, become null."""
    typer.echo(json.dumps(_finite(data), ensure_ascii=False, indent=indent))


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


class Progress:
    """What is being done, how much of it, how fast, and how long it will take: a line on a terminal.

    Called with the tokens so far while a text is read, and as :func:`fastlm.ngram.build` calls a ``stage``.
    """

    def __init__(self, bar: rich.progress.Progress) -> None:
        self._bar, self._stage, self._tokens, self._begin = bar, "reading", 0, time.perf_counter()
        self._task = bar.add_task(self._stage, total=None, rate="")

    def __call__(self, tokens: int) -> None:
        """While the text is read."""
        self._tokens = tokens
        self._show(tokens)

    def stage(self, name: str, done: float | None) -> None:
        """Of the other stages too."""
        if name != self._stage:
            self._stage, self._begin = name, time.perf_counter()
            self._bar.reset(self._task, description=name, total=1, rate="")
        if done is not None:
            self._bar.update(self._task, total=1, completed=done)
        if name == "counting":
            self._show(self._tokens * (done or 0))

    def _show(self, tokens: float) -> None:
        rate = tokens / 1e6 / (time.perf_counter() - self._begin)
        self._bar.update(self._task, rate=f"{tokens / 1e6:.1f} M tokens, {rate:.1f} M tokens/s")


@contextmanager
def progress() -> Iterator[Progress | None]:
    """A line on standard error; None unless that is a terminal."""
    from rich.console import Console  # as long to load as all the rest: only where something is counted
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    text = TextColumn("{task.description:10} {task.fields[rate]}")
    left = (TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())
    with Bar(BarColumn(20), TaskProgressColumn(), text, *left, console=console, transient=True) as bar:
        yield Progress(bar)
