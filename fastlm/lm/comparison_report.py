"""The results of :func:`fastlm.lm.comparison.compare` as a table, as files and as a picture."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastlm.lm.comparison import NGRAMS, Comparison, Row
from fastlm.lm.reports import new_figure, save_csv, save_figure, save_json

COLUMNS = ("model", "perplexity", "parameters", "size, MB", "training, s", "words/s", "torch.nn", "sample")


def cells(row: Row) -> list[str]:
    """A row of the table of :data:`COLUMNS`."""
    return [
        row.title,
        f"{row.perplexity:,.1f}" if math.isfinite(row.perplexity) else "diverged",
        "" if row.parameters is None else f"{row.parameters:,}",
        f"{row.bytes / 1e6:,.1f}",
        f"{row.seconds:,.1f}",
        _rate(row.words_per_second),
        _rate(row.torch_words_per_second),
        row.sample,
    ]


def _rate(words_per_second: float | None) -> str:
    return "" if words_per_second is None else f"{words_per_second:,.0f}"


def save_comparison(folder: Path, found: Comparison) -> list[Path]:
    """Writes comparison.csv, comparison.json and comparison.png, and returns their names.

    Raises:
        OSError: a file cannot be written.
        ModuleNotFoundError: matplotlib is needed.
    """
    picture = _picture(found)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"comparison.{kind}" for kind in ("csv", "json", "png")]
    save_csv(paths[0], ({name: value for name, value in asdict(row).items() if name != "curve"} for row in found.rows))
    save_json(paths[1], {"facts": found.facts, "notes": found.notes(), "models": [asdict(row) for row in found.rows]})
    save_figure(paths[2], picture)
    return paths


def _picture(found: Comparison) -> Any:
    figure, (bars, curves) = new_figure(2, 13, 5)
    rows = [row for row in found.rows if math.isfinite(row.perplexity)]
    colors = ["C0" if row.model in NGRAMS else "C1" if row.model != "mixture" else "C2" for row in rows]
    drawn = bars.barh([row.title for row in rows], [row.perplexity for row in rows], color=colors)
    bars.bar_label(drawn, [f" {row.perplexity:.1f}" for row in rows])
    bars.invert_yaxis()
    bars.set(xlabel="perplexity of the test text", xmargin=0.12)
    for row in rows:
        if row.curve:
            curves.plot(*zip(*row.curve, strict=True), marker=".", label=row.title)
    ngrams = [row for row in rows if row.model in NGRAMS]
    if ngrams:
        best = min(ngrams, key=lambda row: row.valid_perplexity)
        curves.axhline(best.valid_perplexity, color="C0", linestyle="--", label=best.title)
    curves.set(xlabel="seconds of training", ylabel="perplexity of the validation text", yscale="log")
    if curves.get_legend_handles_labels()[0]:
        curves.legend()
    return figure
