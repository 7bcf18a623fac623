"""``fastlm lm``: neural language models from text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastlm.cli.lm_console import ModelErrors, Sentences, loaded_model
from fastlm.cli.ngram_console import load_model, print_json

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
    dynamic: Annotated[
        float | None,
        typer.Option(min=0, help="Learn from the text once it is foretold, by SGD of this rate: 0.1, say."),
    ] = None,
    ngram: Annotated[
        Path | None, typer.Option(help="Mix with this model of fastlm ngram, of the same words.", show_default=False)
    ] = None,
    heldout: Annotated[
        str | None, typer.Option(help="With --ngram: a text by which the weights are found.", show_default=False)
    ] = None,
    weight: Annotated[
        float | None, typer.Option(min=0, max=1, help="With --ngram: of the neural model.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure how well a model foretells a text.

    Every word counts, unknown ones as <unk>, and so does </s> at the end of each line: with the same vocabulary, the
    perplexity compares with that of fastlm ngram perplexity.
    """
    from fastlm import lm

    loaded = loaded_model(model, ("RecurrentLM", "FixedWindowLM"))
    lower = lower or loaded.meta.get("lower", False)
    sentences, words = Sentences(texts or ["-"], lower), loaded.vocabulary
    if ngram is None and (heldout is not None or weight is not None):
        raise typer.BadParameter("--heldout and --weight go with --ngram")
    mixed = {}
    if ngram is not None:
        if dynamic is not None:
            raise typer.BadParameter("--dynamic and --ngram exclude each other")
        tuning = None if heldout is None else Sentences([heldout], lower)
        both = lm.interpolate(load_model(ngram), loaded.model, words, tuning, weight=weight, batch_size=batch_size)
        found, mixed = both.evaluate(sentences, batch_size=batch_size), {"weight": both.weight}
    elif dynamic is not None:
        found = lm.evaluate_dynamically(loaded.model, words, sentences, learning_rate=dynamic)
    else:
        found = lm.evaluate(loaded.model, words, sentences, batch_size=batch_size)
    facts = {
        "perplexity": found.perplexity,
        "perplexity_known": found.perplexity_known,
        "bits_per_character": found.bits_per_character,
        "tokens": found.tokens,
        "sentences": found.sentences,
        "unknown": found.unknown,
        "unit": loaded.vocabulary.unit,
        "log10": found.log10,
        **mixed,
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
    if mixed:
        typer.echo(f"weight                      {mixed['weight']:.3f}, the n-gram model has the rest")
