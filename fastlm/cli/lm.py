"""``fastlm lm``: neural language models."""

from __future__ import annotations

import typer

from fastlm.cli import lm_compare, lm_gradients
from fastlm.cli.ngram_console import OneLineErrors

app = typer.Typer(
    cls=OneLineErrors, help="Train, evaluate, compare and sample neural language models.", no_args_is_help=True
)
app.command("compare")(lm_compare.compare)
app.command("gradients")(lm_gradients.gradients)
