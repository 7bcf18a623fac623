"""``fastlm doctor``: what is installed, what was built, whether it works, and what to do where it does not."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

import fastlm

_REBUILD = "rebuild: pip install --no-build-isolation --force-reinstall --no-deps <the source folder>"


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    what: str
    found: str
    ok: bool = True
    advice: str = ""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report versions, what was compiled and how well it works here; exit 1 if something is not right."""
    findings = [*_versions(), *_libraries(), *_cuda(), *_operators(), *_ngram()]
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        _print(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def _print(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(box=None, padding=(0, 1), show_header=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[bold red]!![/]"
        table.add_row(mark, finding.what, finding.found + (f"\n[yellow]{finding.advice}[/]" if finding.advice else ""))
    console.print(table)
    wrong = sum(not finding.ok for finding in findings)
    console.print("[bold red]something is not right, see !! above[/]" if wrong else "[bold green]all is well[/]")


def _versions() -> Iterator[Finding]:
    from importlib import metadata  # as torch, not above: the other commands would wait for it

    import torch

    yield Finding("fastlm", fastlm.__version__)
    yield Finding("Python", f"{platform.python_version()} on {platform.platform()}")
    yield Finding("torch", f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} processors")
    for package, extra in (
        ("numpy", ""),
        ("typer", "cli"),
        ("rich", "cli"),
        ("zstandard", "cli"),
        ("matplotlib", "bench"),
    ):
        try:
            yield Finding(package, metadata.version(package))
        except metadata.PackageNotFoundError:
            yield Finding(package, "not installed", advice=f"if you need it: pip install 'fastlm[{extra}]'")


def _libraries() -> Iterator[Finding]:
    status = fastlm.status
    best = status.isa == status.runnable[0]
    forced = bool(os.environ.get("FASTLM_ISA"))
    advice = "" if best else "unset FASTLM_ISA for the fastest" if forced else f"the fastest was not built; {_REBUILD}"
    yield Finding(
        "instruction set",
        f"{status.isa} loaded; built {', '.join(status.built)}; this CPU runs {', '.join(status.runnable)}",
        best or forced,
        advice,
    )
    yield Finding("cells", ", ".join(fastlm.ops.rnn.cells()))


def _cuda() -> Iterator[Finding]:
    import torch

    built, usable = fastlm.status.cuda, torch.cuda.is_available()
    advice, ok = "", True
    if usable and built != "loaded":
        ok, advice = False, f"there is a GPU, but the CUDA library is {built}; install nvcc, then {_REBUILD}"
    elif built not in ("loaded", "not built", "torch has no CUDA"):
        ok, advice = False, _REBUILD
    elif built == "torch has no CUDA":
        advice = "for a GPU, install a CUDA build of torch"
    device = torch.cuda.get_device_name() if usable else "no usable GPU"
    yield Finding("CUDA", f"library: {built}; torch: {torch.version.cuda or 'CPU only'}; {device}", ok, advice)


def _operators() -> Iterator[Finding]:
    import torch

    from fastlm import _selftest

    devices = ["cpu"] + (["cuda"] if torch.cuda.is_available() and fastlm.status.cuda == "loaded" else [])
    for device in devices:
        for outcome in _selftest.run(device):
            dtype = str(outcome.dtype).removeprefix("torch.")
            yield Finding(
                f"{outcome.operator} {dtype} {device}",
                f"worst error {outcome.error:.1e}, allowed {outcome.limit:.0e}",
                outcome.ok,
                "" if outcome.ok else f"please report it; until then try FASTLM_ISA=v2. {_REBUILD}",
            )


def _ngram() -> Iterator[Finding]:
    from fastlm import ngram

    yield _try("n-gram engine", lambda: ngram.count_sentences(["a b a", "a b"], order=2)["a b"], 2)


def _try(what: str, work: Callable[[], object], want: object) -> Finding:
    try:
        got = work()
    except Exception as error:
        return Finding(what, f"failed: {error}", False, _REBUILD)
    return Finding(what, "counts as it should" if got == want else f"expected {want}, got {got}", got == want)
