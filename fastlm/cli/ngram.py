"""``fastlm ngram``: n-gram tables and models from text."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fastlm import ngram
from fastlm.cli.ngram_console import (
    KenlmQuery,
    OneLineErrors,
    lines_of,
    load_model,
    note_unknown,
    print_json,
)
from fastlm.cli.ngram_files import facts_of, print_facts

app = typer.Typer(
    cls=OneLineErrors, help="Count n-grams of a text, estimate a model, ask it, sample from it.", no_args_is_help=True
)


class Errors(StrEnum):
    """What is done about invalid UTF-8."""

    STRICT = "strict"
    REPLACE = "replace"
    IGNORE = "ignore"


ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A file of fastlm ngram build.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Utf8Errors = Annotated[
    Errors, typer.Option(help="Invalid UTF-8: stop there, put U+FFFD in its place, or leave it out.")
]


@app.command()
def info(model: ModelFile, as_json: AsJson = False) -> None:
    """Say what is in a file, after a check of its checksums."""
    print_facts(facts_of(ngram.load(model), model), as_json)


@app.command()
def query(
    model: ModelFile,
    sentences: Annotated[
        list[str] | None, typer.Argument(help="Each a sentence; - or none: lines of standard input.")
    ] = None,
    kenlm: Annotated[bool, typer.Option("--kenlm", help="Print what KenLM's query prints.")] = False,
    as_json: AsJson = False,
) -> None:
    """Score sentences: of each word the order of the n-gram that was found, and log10 P; then their sum."""
    loaded = load_model(model)
    summary = KenlmQuery(loaded)
    for sentence in lines_of(sentences or ["-"]):
        scores = loaded.scores(sentence)
        total, unknown = sum(word.log10 for word in scores), sum(word.unknown for word in scores)
        if kenlm:
            typer.echo(summary.line(scores))
        elif as_json:
            words = [word._asdict() for word in scores]
            print_json({"sentence": sentence, "log10": total, "unknown": unknown, "words": words})
        else:
            shown = [f"{w.word}{'=<unk>' if w.unknown else ''} {w.order} {w.log10:.4f}" for w in scores]
            typer.echo("\t".join([*shown, f"total {total:.4f}", f"unknown {unknown}"]))
    if kenlm:
        typer.echo(summary.summary())


@app.command()
def perplexity(
    model: ModelFile,
    texts: Annotated[list[str] | None, typer.Argument(help="Files as for build; - or none: standard input.")] = None,
    errors: Utf8Errors = Errors.STRICT,
    as_json: AsJson = False,
) -> None:
    """Measure how well a model foretells a text that it was not built of."""
    found = load_model(model).perplexity(texts or ["-"], errors=errors)
    facts = {
        "perplexity": found.perplexity,
        "perplexity_known": found.perplexity_known,
        "tokens": found.tokens,
        "sentences": found.sentences,
        "unknown": found.unknown,
        "log10": found.log10,
    }
    if as_json:
        print_json(facts, indent=2)
        return
    typer.echo(f"perplexity              {found.perplexity:,.2f}")
    typer.echo(f"without unknown words   {found.perplexity_known:,.2f}")
    typer.echo(f"tokens                  {found.tokens:,}, {found.unknown:,} of them unknown")
    typer.echo(f"sentences               {found.sentences:,}")


@app.command("next")
def next_words(
    model: ModelFile,
    context: Annotated[
        list[str] | None,
        typer.Argument(help="The words before; <s> begins a sentence; - : contexts in lines of standard input."),
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many words.")] = 10,
    as_json: AsJson = False,
) -> None:
    """List the words that most probably come next, with their probabilities."""
    loaded, several = load_model(model), context == ["-"]
    for text in lines_of(["-"] if several else [" ".join(context or [])]):
        words = loaded.next(text, k)
        note_unknown(loaded, text)
        if not words:
            raise ValueError(
                f"{text!r} never occurs in the text, and {loaded.smoothing} has no distribution for that; "
                "shorten it, or build with --smoothing backoff"
            )
        if as_json:
            print_json({"context": text, "next": [{"word": word, "probability": p} for word, p in words]})
            continue
        if several:
            typer.echo(f"{text}:")
        for word, p in words:
            typer.echo(f"{p:<10.4g}{word}")


@app.command()
def generate(
    model: ModelFile,
    prompt: Annotated[
        list[str] | None,
        typer.Argument(help="Words that the sentence begins with; - : prompts in lines of standard input."),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, help="Sentences for each prompt.")] = 1,
    max_words: Annotated[int, typer.Option(min=0, help="Stop after so many words.")] = 50,
    temperature: Annotated[float, typer.Option(min=0, help="Below 1: likelier words; 0: the likeliest.")] = 1.0,
    top_k: Annotated[int, typer.Option(min=0, help="Draw among the k likeliest words; 0: all.")] = 0,
    seed: Annotated[
        int | None, typer.Option(min=0, max=2**64 - 1, help="The same seed, the same sentences.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw sentences."""
    loaded = load_model(model)
    for text in lines_of(["-"] if prompt == ["-"] else [" ".join(prompt or [])]):
        note_unknown(loaded, text)
        for i in range(number):
            sentence = loaded.generate(
                text,
                max_words=max_words,
                temperature=temperature,
                top_k=top_k,
                seed=None if seed is None else (seed + i) % 2**64,
            )
            if as_json:
                print_json({"prompt": text, "text": sentence})
            else:
                typer.echo(sentence)
