"""The picture of a run: how many times faster than its peer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot, ticker


def ratios(rows: list[dict[str, Any]], path: Path) -> None:
    """Draws a bar for each duel, on a logarithmic axis where 1 means as fast as the peer."""
    suites = list(dict.fromkeys(row["suite"] for row in rows))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(rows)), layout="constrained")
    for place, row in enumerate(rows):
        axes.barh(place, row["ratio"] - 1, left=1, color=f"C{suites.index(row['suite'])}")
        axes.annotate(
            f" {row['ratio']:.2f}", (max(row["ratio"], 1), place), va="center", fontsize=8, annotation_clip=False
        )
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(range(len(rows)), [row["name"].removeprefix("bench_") for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("times faster than the peer")
    axes.margins(x=0.1)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
