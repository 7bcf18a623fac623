"""``fastlm ngram``: n-gram tables and models from text."""

from __future__ import annotations

import typer

app = typer.Typer(help="Count n-grams of a text, estimate a model, ask it, sample from it.", no_args_is_help=True)
