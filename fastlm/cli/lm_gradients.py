"""``fastlm lm gradients``: how far back gradients reach, where they explode, and what clipping does."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from fastlm.cli.lm_console import Sentences
from fastlm.cli.ngram_console import note, print_json


def gradients(
    text: Annotated[
        str | None, typer.Argument(help="A text, a sentence a line; none: a task of memory.", show_default=False)
    ] = None,
    cell: Annotated[
        list[str] | None,
        typer.Option(help="rnn_tanh, rnn_relu, gru, lstm; can be repeated; all by default.", show_default=False),
    ] = None,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden units.")] = 64,
    steps: Annotated[int, typer.Option(min=1, help="How far back to look; the length of a chunk of training.")] = 30,
    updates: Annotated[int, typer.Option(min=1, help="Steps of SGD in each run of training.")] = 300,
    learning_rate: Annotated[float, typer.Option(help="Of SGD.")] = 1.0,
    clip: Annotated[float, typer.Option(help="Largest norm of a gradient, in the run with clipping.")] = 1.0,
    singular_value: Annotated[
        float | None, typer.Option(min=0, help="Scale U so that this is its largest one at first.", show_default=False)
    ] = None,
    delay: Annotated[int, typer.Option(min=0, help="Steps that the task of memory is about.")] = 10,
    vocabulary: Annotated[int, typer.Option(min=3, help="The most frequent words of the text, so many.")] = 2000,
    seed: Annotated[int, typer.Option(help="Of the weights and of the task.")] = 1,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the tables, as CSV and JSON, and a picture.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how far back the gradient of Elman, GRU and LSTM cells reaches, where it explodes, and what clipping does.

    The task of memory is to repeat, at the end of a sentence of blanks, the symbol at its begin.
    """
    from fastlm.lm.gradient_report import clipping_rows, reach_rows, save_gradients
    from fastlm.lm.gradients import CELLS, recall_task
    from fastlm.lm.gradients import gradients as measure
    from fastlm.lm.reports import new_figure
    from fastlm.lm.vocabulary import Vocabulary

    if unknown := set(cell or []) - set(CELLS):
        raise typer.BadParameter(f"no cell {', '.join(sorted(unknown))}; there are {', '.join(CELLS)}")
    if output is not None:
        new_figure(1, 1, 1)  # fails before minutes of training, not after
    if text is None:
        symbols = 8
        ids, places = recall_task(delay, symbols=symbols, seed=seed)
        words = symbols + 2
    else:
        lines = list(Sentences([text]))
        found_words = Vocabulary.from_sentences(lines, vocabulary)
        ids, places, words = found_words.encode(lines), None, len(found_words)
    found = measure(
        ids,
        words,
        cells=cell or CELLS,
        hidden_size=hidden,
        steps=steps,
        updates=updates,
        learning_rate=learning_rate,
        clip=clip,
        singular_value=singular_value,
        places=places,
        seed=seed,
        report=note,
    )
    reach, clipping = reach_rows(found), clipping_rows(found)
    if as_json:
        print_json({"reach": reach, "clipping": clipping, "cells": list(map(asdict, found))})
    else:
        _print_table("The gradient of a token's loss, some steps back over one step back", reach)
        _print_table(f"{updates} steps of SGD, learning rate {learning_rate:g}, clipped at {clip:g}", clipping)
    if output is not None:
        note(f"written: {', '.join(map(str, save_gradients(output, found)))}")


def _print_table(title: str, rows: list[dict[str, object]]) -> None:
    """A row of the table for each name, a column for each cell: that fits on a screen."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table("", *(str(row["cell"]) for row in rows), title=title, title_justify="left", box=box.SIMPLE)
    for name in list(rows[0])[1:]:
        values = (row[name] for row in rows)
        table.add_row(name, *(f"{value:.3g}" if isinstance(value, float) else str(value) for value in values))
    Console().print(table)
