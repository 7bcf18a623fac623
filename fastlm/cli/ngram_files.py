"""What the commands say of a file, and what is looked at before they write one."""

from __future__ import annotations

from pathlib import Path

import typer

from fastlm import ngram
from fastlm.cli.ngram_console import print_json


def check_output(output: Path, corpus: list[str]) -> None:
    """Finds what would fail, or destroy a text, after hours of counting."""
    if output.is_dir():
        raise typer.BadParameter(f"--output must be a file, and {output} is a folder")
    if not output.absolute().parent.is_dir():
        raise typer.BadParameter(f"the folder of --output {output} does not exist")
    if output.exists() and any(text != "-" and Path(text).exists() and output.samefile(text) for text in corpus):
        raise typer.BadParameter(f"--output would overwrite the text {output}")


def facts_of(found: ngram.Table | ngram.Model | ngram.SuffixIndex, path: Path) -> dict[str, object]:
    """What there is to say of a file."""
    size = path.stat().st_size
    if isinstance(found, ngram.SuffixIndex):
        return {
            "file": str(path),
            "bytes": size,
            "bytes_per_token": round(size / found.tokens, 2),
            "vocabulary": len(found.vocabulary),
            "tokens": found.tokens,
            "documents": found.document_count,
            "sources": len(found.sources),
        }
    table = found.table if isinstance(found, ngram.Model) else found
    return {
        "file": str(path),
        "bytes": size,
        "bytes_per_ngram": round(size / len(table), 2),
        "order": table.order,
        "smoothing": found.smoothing if isinstance(found, ngram.Model) else None,
        "parameters": found.parameters if isinstance(found, ngram.Model) else {},
        "vocabulary": len(table.vocabulary),
        "tokens": table.tokens,
        "sentences": table.sentences,
        "ngrams": table.counts,
    }


def print_facts(facts: dict[str, object], as_json: bool) -> None:
    """A line for each fact that is one, or JSON."""
    if as_json:
        print_json(facts, indent=2)
        return
    for name, value in facts.items():
        if value:
            typer.echo(f"{name.replace('_', ' '):16}{_shown(value)}")
    if "smoothing" in facts and not facts["smoothing"]:
        typer.echo("holds counts without probabilities")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(numbers)}" for name, numbers in value.items())
    if isinstance(value, list):
        return " ".join(map(_shown, value))
    return f"{value:.4g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
