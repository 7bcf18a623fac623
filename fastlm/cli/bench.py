"""``fastlm bench``: the benchmark suites, by pytest-benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bench(
    suites: Annotated[
        list[str] | None,
        typer.Argument(help="rnn, rnn_options, memory, dropout, loss, optim, step, generation, ngram; all by default."),
    ] = None,
    threads: Annotated[int, typer.Option(min=0, help="torch's threads; 1 is timed in CPU seconds, 0 means all.")] = 1,
    quick: Annotated[bool, typer.Option("--quick", help="A few shapes: all suites in two minutes.")] = False,
    full: Annotated[bool, typer.Option("--full", help="The whole grid of recurrent shapes: over an hour.")] = False,
    text: Annotated[
        Path | None,
        typer.Option(
            help="For ngram: a text, a sentence a line; else film reviews, or a made-up one.", show_default=False
        ),
    ] = None,
    sizes: Annotated[
        str | None,
        typer.Option(help="For ngram: words of the growth curves; default 1M,10M; full: 100M too.", show_default=False),
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for results.json and the pictures.")] = Path("bench-output"),
) -> None:
    """Measure fastlm beside its peers, in alternation, and hold both against the machine's limit."""
    if quick and full:
        raise typer.BadParameter("--quick and --full exclude each other")
    if text is not None and not text.is_file():
        raise typer.BadParameter(f"--text {text} is no file")
    try:
        import matplotlib  # noqa: F401
        import pytest
        import pytest_benchmark  # noqa: F401
    except ModuleNotFoundError as error:
        typer.echo(f"fastlm: the benchmarks need the package {error.name}; pip install 'fastlm[bench]'", err=True)
        raise typer.Exit(1) from None
    import fastlm.bench

    folder = Path(fastlm.bench.__path__[0])
    known = {path.stem.removeprefix("bench_"): path for path in sorted(folder.glob("bench_*.py"))}
    unknown = set(suites or []) - known.keys()
    if unknown:
        typer.echo(f"fastlm: no suite {', '.join(sorted(unknown))}; there are {', '.join(known)}", err=True)
        raise typer.Exit(2)
    files = [str(known[suite]) for suite in suites or known]
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "-c", str(folder / "pytest.ini"), "--benchmark-quiet"]
    options += [
        "--threads",
        str(threads),
        "--output",
        str(output.absolute()),
        *(["--quick"] if quick else []),
        *(["--full"] if full else []),
        *(["--text", str(text.absolute())] if text else []),
        *(["--sizes", sizes] if sizes else []),
    ]
    raise typer.Exit(pytest.main([*files, *options]))
