"""``fastlm ngram convert``, ``prune``, ``merge`` and ``mix``: files made of files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fastlm import ngram
from fastlm.cli.ngram import AsJson
from fastlm.cli.ngram_build import Output, Threads, _thresholds
from fastlm.cli.ngram_console import load_model, note
from fastlm.cli.ngram_files import check_output, facts_of, print_facts

_COMPRESSED = (".gz", ".zst", ".bz2", ".xz")
_COUNTS = (".tsv", ".txt")
Source = Annotated[
    Path, typer.Argument(metavar="FILE", help="A model, an ARPA file, a table, or its lines.", show_default=False)
]


def convert(
    model: Source,
    output: Output,
    bits: Annotated[
        int, typer.Option(min=0, max=24, help="Of each probability and weight, which are quantised; 0: as they are.")
    ] = 0,
    compact: Annotated[bool, typer.Option("--compact", help="Of an ARPA file: half the size, slower answers.")] = False,
    orders: Annotated[
        str | None, typer.Option(help="To lines: n-grams of so many words, as '2 3'; default: all.", show_default=False)
    ] = None,
    min_count: Annotated[int, typer.Option(min=1, help="To lines: what occurs so often or more.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Make a model of an ARPA file, or the other way round; a table of lines of n-gram, tab, count, or the other way.

    What ends with .arpa is an ARPA file, what ends with .tsv or .txt has counts as lines; also .arpa.gz, .tsv.zst, ...
    """
    check_output(output, [str(model)])
    to_arpa, to_lines, from_lines = _is_arpa(output), _has_suffix(output, _COUNTS), _has_suffix(model, _COUNTS)
    if (bits or compact) and (to_arpa or to_lines or from_lines):
        raise typer.BadParameter("--bits and --compact are for a model as --output")
    if (orders is not None or min_count > 1) and not to_lines:
        raise typer.BadParameter("--orders and --min-count are for counts as lines, an --output such as counts.tsv")
    if to_lines:
        _load_table(model).save_tsv(output, orders=_orders(orders), min_count=min_count)
    elif to_arpa:
        ngram.save_arpa(load_any(model), output)
    elif from_lines:
        table = ngram.read_counts(model)
        table.save(output)
        print_facts(facts_of(table, output), as_json)
    else:
        found = _model(model, bits, compact)
        found.save(output)
        print_facts(facts_of(found, output), as_json)


def _model(path: Path, bits: int, compact: bool) -> ngram.Model:
    if _is_arpa(path):
        return read_arpa(path).model(bits=bits, compact=compact)
    if compact:
        raise typer.BadParameter("--compact is for an ARPA file; build makes a compact model of a text")
    return load_model(path).quantize(bits) if bits else load_model(path)


def _orders(text: str | None) -> list[int] | None:
    try:
        return None if text is None else [int(n) for n in text.replace(",", " ").split()]
    except ValueError:
        raise typer.BadParameter(f"--orders must be whole numbers, as '2 3', got {text!r}") from None


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
    check_output(output, [str(model)])
    if threshold is not None:
        found: ngram.Model | ngram.Table = load_any(model).prune(threshold)
    else:
        found = _load_table(model).prune(_thresholds(counts))
    found.save(output)
    print_facts(facts_of(found, output), as_json)


def merge(
    tables: Annotated[list[Path], typer.Argument(help="Files of fastlm ngram count.", show_default=False)],
    output: Output,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Add the counts of tables."""
    check_output(output, [str(table) for table in tables])
    found = ngram.merge(tables, threads=threads)
    found.save(output)
    print_facts(facts_of(found, output), as_json)


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
    check_output(output, [str(model) for model in models])
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
    print_facts(facts_of(found, output), as_json)


def load_any(path: Path) -> ngram.Model:
    """The model in a file of ours or in an ARPA file."""
    return read_arpa(path).model() if _is_arpa(path) else load_model(path)


def read_arpa(path: Path) -> ngram.Arpa:
    """An ARPA file; what was mended is said on standard error."""
    found = ngram.read_arpa(path)
    for line in found.notes:
        note(f"{path}: {line}")
    return found


def _load_table(path: Path) -> ngram.Table:
    """The table in a file of ours, or in lines."""
    if _has_suffix(path, _COUNTS):
        return ngram.read_counts(path)
    table = ngram.load(path)
    if not isinstance(table, ngram.Table):
        raise ValueError(f"{path}: holds no table of counts; fastlm ngram count makes one, as build --counts does")
    return table


def _is_arpa(path: Path) -> bool:
    return _has_suffix(path, (".arpa",)) or str(path) == "-"


def _has_suffix(path: Path, suffixes: tuple[str, ...]) -> bool:
    """Whether a name ends with one of them, of compression apart."""
    name = path.name
    for suffix in _COMPRESSED:
        name = name.removesuffix(suffix)
    return name.endswith(suffixes)
