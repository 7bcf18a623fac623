"""``fastlm ngram index`` and ``fastlm ngram search``: n-grams of any length in one's own texts."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from fastlm import ngram
from fastlm.cli.ngram import AsJson, Errors, Utf8Errors
from fastlm.cli.ngram_build import Column, Lower, Output, Threads, Tokenizer
from fastlm.cli.ngram_console import lines_of, print_json, progress
from fastlm.cli.ngram_files import check_output, facts_of, print_facts
from fastlm.ngram.inputs import sources_of
from fastlm.ngram.occurrences import Occurrence


class Documents(StrEnum):
    """What a document is."""

    FILE = "file"
    LINE = "line"
    BLANK_LINE = "blank-line"


_SHOWN = 24
"""Words of a match that are shown; it may be a whole file."""


def index(
    corpus: Annotated[
        list[str], typer.Argument(help="Text files, folders, patterns; also .gz .zst .bz2 .xz; - is standard input.")
    ],
    output: Output,
    documents: Annotated[
        Documents, typer.Option(help="A document is a file, a line, or what stands between empty lines.")
    ] = Documents.FILE,
    tokenizer: Tokenizer = "whitespace",
    lower: Lower = False,
    column: Column = None,
    errors: Utf8Errors = Errors.STRICT,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Index texts, to look up n-grams of any length in them with fastlm ngram search."""
    corpus = [str(file) for file in sources_of(corpus)]
    check_output(output, corpus)
    with progress() as report:
        found = ngram.index(
            corpus,
            documents=documents,
            tokenizer=tokenizer,
            lower=lower,
            column=column,
            errors=errors,
            threads=threads,
            progress=report,
        )
        found.save(output)
    print_facts(facts_of(found, output), as_json)


def search(
    index: Annotated[Path, typer.Argument(metavar="INDEX", help="A file of fastlm ngram index.", show_default=False)],
    ngrams: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NGRAM]...", help="Each words in quotes; - or none: lines of standard input."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Documents, or matches, to show.")] = 5,
    next_words: Annotated[bool, typer.Option("--next", help="What comes next after each, instead.")] = False,
    k: Annotated[int, typer.Option("-k", min=1, help="With --next: how many words.")] = 10,
    contamination: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="How much of a text occurs in the index, instead.", show_default=False),
    ] = None,
    min_length: Annotated[
        int, typer.Option(min=1, help="With --contamination: words of the shortest match that counts.")
    ] = 8,
    errors: Utf8Errors = Errors.STRICT,
    threads: Threads = 0,
    as_json: AsJson = False,
) -> None:
    """Count n-grams of any length, with the documents that they stand in."""
    if contamination and (ngrams or next_words):
        raise typer.BadParameter("--contamination looks for the words of a file; leave out the n-grams and --next")
    loaded = _load(index)
    if contamination:
        report = loaded.contamination(contamination, min_length, errors=errors, threads=threads)
        _print_contamination(report, limit, as_json)
        return
    for text in lines_of(ngrams or ["-"]):
        if next_words:
            _print_next(loaded, text, k, as_json)
        else:
            _print_documents(loaded, text, limit, as_json)


def _load(path: Path) -> ngram.SuffixIndex:
    found = ngram.load(path)
    if not isinstance(found, ngram.SuffixIndex):
        raise ValueError(f"{path}: holds n-grams of up to {_order(found)} words; make an index: fastlm ngram index")
    return found


def _order(found: ngram.Table | ngram.Model) -> int:
    return found.table.order if isinstance(found, ngram.Model) else found.order


def _place(found: Occurrence) -> str:
    return f"{found.source}:{found.line}"


def _print_documents(loaded: ngram.SuffixIndex, text: str, limit: int, as_json: bool) -> None:
    count = loaded.count(text)
    frequency = loaded.document_frequency(text)
    documents = loaded.documents(text, limit)
    if as_json:
        shown = [{"count": d.count, **_where(d.first), "snippet": d.first.around()} for d in documents]
        print_json({"ngram": text, "count": count, "document_count": frequency, "documents": shown})
        return
    typer.echo(f"{count:,} in {frequency:,} document{'' if frequency == 1 else 's'}: {text}")
    for found in documents:
        typer.echo(f"  {_place(found.first)} ({found.count:,}) {found.first.around()}")


def _print_next(loaded: ngram.SuffixIndex, text: str, k: int, as_json: bool) -> None:
    match, words = loaded.longest_match(text), loaded.next(text, k)
    if as_json:
        shown = [{"word": word, "probability": p} for word, p in words]
        print_json({"context": text, "match": asdict(match), "next": shown})
        return
    typer.echo(f"{match.count:,} after {match.length:,} words: {match.text}")
    for word, p in words:
        typer.echo(f"{p:<10.4g}{word}")


def _print_contamination(report: ngram.Contamination, limit: int, as_json: bool) -> None:
    if as_json:
        spans = [
            {"source": s.source, "line": s.line, "begin": s.begin, "length": s.length, "count": s.count}
            | {"text": s.example.head(_SHOWN), "example": _where(s.example)}
            for s in report.spans
        ]
        facts = {"words": report.words, "covered": report.covered, "coverage": report.coverage}
        print_json({**facts, "longest": report.longest, "min_length": report.min_length, "spans": spans}, indent=2)
        return
    typer.echo(str(report))
    for span in sorted(report.spans, key=lambda span: -span.length)[:limit]:
        words = f"({span.length:,} words)"
        typer.echo(f"  {span.source}:{span.line} {words} as {_place(span.example)}: {span.example.head(_SHOWN)}")


def _where(found: Occurrence) -> dict[str, object]:
    return {"document": found.document, "position": found.position, "source": found.source, "line": found.line}
