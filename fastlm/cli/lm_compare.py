"""``fastlm lm compare``: n-gram and neural models of one text, side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastlm.cli.lm_console import Sentences
from fastlm.cli.ngram_console import note, print_json

if TYPE_CHECKING:
    from fastlm.lm.comparison import Comparison


def compare(
    corpus: Annotated[
        str, typer.Argument(help="A text, a sentence a line, also compressed; - is standard input.", show_default=False)
    ],
    valid: Annotated[
        str | None, typer.Option(help="Text to validate on; none: a twentieth of the corpus.", show_default=False)
    ] = None,
    test: Annotated[
        str | None, typer.Option(help="Text to test on; none: the last twentieth of the corpus.", show_default=False)
    ] = None,
    models: Annotated[str, typer.Option(help="Names with commas between, or all; a wrong one lists them.")] = "all",
    vocabulary: Annotated[int, typer.Option(min=3, help="The most frequent words, so many; others: <unk>.")] = 10_000,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units of the recurrent models.")] = 200,
    epochs: Annotated[int, typer.Option(min=1, help="Of training.")] = 13,
    seconds: Annotated[
        float, typer.Option(min=0, help="Of training, of each model, at most.", show_default=False)
    ] = math.inf,
    reference: Annotated[
        bool, typer.Option("--reference", help="Train the recurrent models of torch.nn, too, with the same seeds.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of weights and samples.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the table, as CSV and JSON, and a picture.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Train n-gram, fixed-window, Elman, GRU and LSTM models on the same text, and print one table."""
    from fastlm.lm.comparison import MODELS, Split
    from fastlm.lm.comparison import compare as measure
    from fastlm.lm.comparison_report import save_comparison
    from fastlm.lm.reports import new_figure

    names = list(MODELS) if models == "all" else [name.strip() for name in models.split(",")]
    if unknown := [name for name in names if name not in MODELS]:
        raise typer.BadParameter(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    if output is not None:
        new_figure(1, 1, 1)  # fails before hours of training, not after
    if (valid is None) != (test is None):
        raise typer.BadParameter("--valid and --test go together")
    lines, *heldout = (_lines(text) for text in (corpus, valid, test) if text is not None)
    split = Split(lines, *heldout) if heldout else Split.of(lines)
    with _progress(epochs) as report:
        found = measure(
            split,
            models=names,
            vocabulary_size=vocabulary,
            hidden_size=hidden,
            epochs=epochs,
            seconds=seconds,
            seed=seed,
            reference=reference,
            report=report,
        )
    if as_json:
        print_json({"facts": found.facts, "notes": found.notes(), "models": list(map(asdict, found.rows))})
    else:
        _print(found)
    if output is not None:
        note(f"written: {', '.join(map(str, save_comparison(output, found)))}")


def _lines(text: str) -> list[str]:
    lines = [line for line in Sentences([text]) if line.strip()]
    if not lines:
        raise ValueError(f"{text}: expected a text with at least one word, got none")
    return lines


@contextmanager
def _progress(epochs: int) -> Iterator[Callable[[str, Any], object]]:
    """What the comparison reports to: a line on standard error that changes, if that is a terminal."""
    from rich.console import Console

    from fastlm.lm.training import Step

    console = Console(stderr=True)
    with console.status("") as status:

        def report(name: str, at: Any) -> None:
            if at is None:
                status.update(name)
                if not console.is_terminal:
                    note(name)
            elif isinstance(at, Step):
                if at.number % 20 == 0:
                    rate = f"{at.tokens / at.seconds:,.0f} words/s"
                    status.update(f"{name}: epoch {at.epoch + 1} of {epochs}, {rate}, loss {at.loss:.2f}")
            else:
                note(f"{name}: epoch {at.number}, validation perplexity {math.exp(min(at.valid_loss, 700)):,.1f}")

        yield report


def _print(found: Comparison) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from fastlm.lm.comparison_report import COLUMNS, cells

    facts, console = found.facts, Console()
    if not console.is_terminal:
        console.width = 120
    table = Table(box=box.SIMPLE)
    for column in COLUMNS[:-1]:
        table.add_column(column, justify="left" if column == "model" else "right")
    for row in found.rows:
        table.add_row(*cells(row)[:-1])
    lines, tokens = facts["lines"], facts["tokens"]
    parts = (f"{lines[part]:,} lines ({tokens[part]:,} tokens) in {part}" for part in ("train", "valid", "test"))
    console.print(f"{', '.join(parts)}; {facts['vocabulary']:,} words, <unk> and </s> among them")
    console.print(table)
    for line in found.notes():
        console.print(line)
    console.print()
    for row in found.rows:
        if row.sample:
            console.print(f"[bold]{row.title}[/]: ", end="")
            console.print(row.sample, markup=False)
