"""``fastlm ngram convert``, ``prune``, ``merge`` and ``mix``: files made of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastlm import ngram
from fastlm.cli.ngram import AsJson, _check_output, _facts, _print_facts
from fastlm.cli.ngram_build import Output, Threads, _thresholds
from fastlm.cli.ngram_console import load_model, note

_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
Source = Annotated[Path, typer.Argument(metavar="MODEL", help="A model, or an ARPA file.", show_default=False)]


def convert(
    model: Source,
    output: Output,
    bits: Annotated[
        int, typer.Option(min=0, max=24, help="Of each probability and weight, which are quantised; 0: as they are.")
    ] = 0,
    compact: Annotated[bool, typer.Option("--compact", help="Of an ARPA file: half the size, slower answers.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a model of an ARPA file, or an ARPA file of a model: what ends with .arpa, .arpa.gz, ... is one."""
    _check_output(output, [str(model)])
    if _is_arpa(output):
        if bits or compact:
            raise typer.BadParameter("--bits and --compact are for a model, and --output is an ARPA file")
        ngram.save_arpa(load_any(model), output)
        return
    if _is_arpa(model):
        found = read_arpa(model).model(bits=bits, compact=compact)
    elif compact:
        raise typer.BadParameter("--compact is for an ARPA file; build makes a compact model of a text")
    else:
        found = load_model(model).quantize(bits) if bits else load_model(model)
    found.save(output)
    _print_facts(_facts(found, output), as_json)


def prune(
    model: Annotated[
        Path, typer.Argument(metavar="FILE", help="A model, an ARPA file or a table.", show_default=False)
    ],
    output: Output,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Of a model: leave out what alone raises the perplexity by less; as 1e-8.", show_default=False
        ),
    ] = None,
    counts: Annotated[
        str | None,
        typer.Option(help="Of a table: leave out what occurs so often or less, as '0 0 1'.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Leave out n-grams: of a model by entropy, of a table by count."""
    if (threshold is None) == (counts is None):
        raise typer.BadParameter("expected --threshold, for a model, or --counts, for a table")
    _check_output(output, [str(model)])
    if threshold is not None:
        found: ngram.Model | ngram.Table = load_any(model).prune(threshold)
    else:
        table = ngram.load(model)
        if not isinstance(table, ngram.Table):
            raise ValueError(f"{model}: holds no table of counts; --threshold prunes a model")
        found = table.prune(_thresholds(counts))
    found.save(output)
    _print_facts(_facts(found, output), as_json)


def merge(
    tables: Annotated[list[Path], typer.Argument(help="Files of fastlm ngram count.", show_default=False)],
    output: Output,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Add the counts of tables."""
    _check_output(output, [str(table) for table in tables])
    found = ngram.merge(tables, threads=threads)
    found.save(output)
    _print_facts(_facts(found, output), as_json)


def mix(
    models: Annotated[list[Path], typer.Argument(help="Models, or ARPA files.", show_default=False)],
    output: Output,
    weights: Annotated[
        str | None, typer.Option(help="As '0.7 0.3', with the sum 1; default: equal.", show_default=False)
    ] = None,
    heldout: Annotated[
        Path | None, typer.Option(help="Find the weights that make this text most probable.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Interpolate models linearly, and write one model."""
    _check_output(output, [str(model) for model in models])
    try:
        numbers = None if weights is None else [float(weight) for weight in weights.replace(",", " ").split()]
    except ValueError:
        raise typer.BadParameter(f"--weights must be numbers, as '0.7 0.3', got {weights!r}") from None
    mixture = ngram.mix(
        [load_any(model) for model in models], numbers, heldout=None if heldout is None else str(heldout)
    )
    found = mixture.merge()
    found.save(output)
    note("weights " + " ".join(f"{weight:.4g}" for weight in mixture.weights))
    _print_facts(_facts(found, output), as_json)


def load_any(path: Path) -> ngram.Model:
    """The model in a file of ours or in an ARPA file."""
    return read_arpa(path).model() if _is_arpa(path) else load_model(path)


def read_arpa(path: Path) -> ngram.Arpa:
    """An ARPA file; what was mended is said on standard error."""
    found = ngram.read_arpa(path)
    for line in found.notes:
        note(f"{path}: {line}")
    return found


def _is_arpa(path: Path) -> bool:
    name = path.name
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return name.endswith(".arpa") or str(path) == "-"
