"""``fastlm lm``: neural language models from text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastlm.cli.lm_console import ModelErrors, Sentences, loaded_model
from fastlm.cli.ngram_console import print_json

app = typer.Typer(
    cls=ModelErrors,
    help="Train neural language models, measure them, sample from them; classify and tag sentences.",
    no_args_is_help=True,
)

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A file of fastlm lm train.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Lower = Annotated[bool, typer.Option("--lower", help="Put the text into lower case.")]


@app.command("eval")
def evaluate(
    model: ModelFile,
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Files, also compressed; a line is a sentence; - or none: standard input."),
    ] = None,
    lower: Lower = False,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Columns that the text is cut into: faster, and each begins without context.")
    ] = 1,
    as_json: AsJson = False,
) -> None:
    """Measure how well a model foretells a text.

    Every word counts, unknown ones as <unk>, and so does </s> at the end of each line: with the same vocabulary, the
    perplexity compares with that of fastlm ngram perplexity.
    """
    from fastlm import lm

    loaded = loaded_model(model, ("RecurrentLM", "FixedWindowLM"))
    found = lm.evaluate(
        loaded.model,
        loaded.vocabulary,
        Sentences(texts or ["-"], lower or loaded.meta.get("lower", False)),
        batch_size=batch_size,
    )
    facts = {
        "perplexity": found.perplexity,
        "perplexity_known": found.perplexity_known,
        "bits_per_character": found.bits_per_character,
        "tokens": found.tokens,
        "sentences": found.sentences,
        "unknown": found.unknown,
        "unit": loaded.vocabulary.unit,
        "log10": found.log10,
    }
    if as_json:
        print_json(facts, indent=2)
        return
    unit = loaded.vocabulary.unit
    typer.echo(f"perplexity                  {found.perplexity:,.2f}, of {unit}, <unk> and the </s> of each line")
    typer.echo(f"without unknown {unit:<12}{found.perplexity_known:,.2f}")
    typer.echo(f"bits per character          {found.bits_per_character:.3f}")
    typer.echo(f"tokens                      {found.tokens:,}, {found.unknown:,} of them unknown")
    typer.echo(f"sentences                   {found.sentences:,}")
