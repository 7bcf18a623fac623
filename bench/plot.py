"""The pictures of a run: how many times better than its peer, regime by regime and shape by shape."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from fastlm.bench.duels import Duel, Regime, regimes
from matplotlib import colormaps, colors, pyplot, ticker
from matplotlib.axes import Axes

LEAST_CELLS = 10  # a sparser panel of the heat map says no more than its bar


def draw(duels: list[Duel], folder: Path) -> list[str]:
    """Draws what there is to draw; returns the names of the pictures."""
    rows = list(regimes(duels))
    if not rows:
        return []
    ratios(rows, folder / "ratios.png")
    names = ["ratios.png"]
    recurrent = [duel for duel in duels if duel.suite == "rnn"]
    for variant in dict.fromkeys(duel.facts["variant"] for duel in recurrent):
        panels = heatmap_panels([duel for duel in recurrent if duel.facts["variant"] == variant])
        if panels:
            names.append("_".join(["rnn_heatmap", *variant.split()]) + ".png")
            heatmap(panels, variant, folder / names[-1])
    return names


def ratios(rows: list[Regime], path: Path) -> None:
    """A bar for each regime's geometric mean, with a line from the least to the most and a point for each duel."""
    suites = list(dict.fromkeys(row.suite for row in rows))
    # a little air between the suites
    places = [place + 0.7 * suites.index(row.suite) for place, row in enumerate(rows)]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * (places[-1] + 1)), layout="constrained")
    for place, row in zip(places, rows, strict=True):
        color = f"C{suites.index(row.suite)}"
        axes.barh(place, row.mean - 1, left=1, color=color, alpha=0.45, zorder=2)
        if len(row.ratios) > 1:
            axes.hlines(place, min(row.ratios), max(row.ratios), color=color, linewidth=1)
            axes.scatter(row.ratios, [place] * len(row.ratios), s=7, color=color, alpha=0.7, linewidths=0, zorder=3)
        axes.annotate(f"{row.mean:.2f}", (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    logarithmic(axes, [ratio for row in rows for ratio in row.ratios])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_yticks(places, [row.name for row in rows], fontsize=8)
    axes.set_ylim(places[-1] + 0.7, -0.7)
    axes.set_xlabel(
        "times better than the peer: geometric mean (bar, number), least to most (line), each shape (point)", fontsize=9
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


CURVES = {
    "words/s": {"count_words_per_s": "counts", "model_words_per_s": "model", "kenlm_words_per_s": "KenLM"},
    "MB of memory": {"count_mb": "counts", "model_mb": "model", "kenlm_mb": "KenLM"},
    "bytes an n-gram": {
        "bytes_per_ngram": "model",
        "compact_bytes_per_ngram": "compact model",
        "kenlm_bytes_per_ngram": "KenLM's trie",
    },
    "words/s scored at once": {"score_words_per_s": "model"},
}


def growth(rows: list[dict[str, float | None]], folder: Path) -> list[str]:
    """What the n-gram engine takes for texts of several sizes, as a table and as curves."""
    if not rows:
        return []
    with (folder / "ngram_growth.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    figure, panels = pyplot.subplots(1, len(CURVES), figsize=(4 * len(CURVES), 3.2), layout="constrained")
    for axes, (title, curves) in zip(panels, CURVES.items(), strict=True):
        for name, label in curves.items():
            points = [(row["words"], row[name]) for row in rows if row[name] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), marker="o", label=label)
        axes.set(title=title, xscale="log", xlabel="words of text", ylim=(0, None))
        axes.legend(fontsize=8)
        axes.grid(color="0.9")
    figure.savefig(folder / "ngram_growth.png", dpi=120)
    pyplot.close(figure)
    return ["ngram_growth.csv", "ngram_growth.png"]


def logarithmic(axes: Axes, values: list[float]) -> None:
    """A logarithmic axis with as many labels as there is room for."""
    low, high = min([*values, 0.85]), max([*values, 1.6])
    decades = math.log10(high / low)
    room = ((0.5, (1, 1.2, 1.5, 2, 3, 5, 7, 8, 9)), (1.2, (1, 1.5, 2, 3, 5, 7)), (2.5, (1, 2, 5)), (math.inf, (1,)))
    subs = next(subs for most, subs in room if decades < most)
    axes.set_xscale("log")
    axes.set_xlim(low / 10 ** (0.02 * decades), high * 10 ** (0.02 * decades))
    axes.xaxis.set_major_locator(ticker.LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.xaxis.set_minor_locator(ticker.NullLocator())
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)


Panels = dict[str, dict[str, dict[tuple[int, int], float]]]
"""Row of panels (steps) -> column of panels (layer and pass) -> (hidden, batch) -> ratio."""


def heatmap_panels(duels: list[Duel]) -> Panels:
    """Recurrent duels sorted into panels, without those rows of panels that are nearly empty."""
    panels: Panels = {}
    for duel in duels:
        facts = duel.facts
        row = panels.setdefault(f"T{facts['steps']}", {})
        cells = row.setdefault(f"{facts['kind']} {facts['mode']}", {})
        cells[facts["hidden"], facts["batch"]] = duel.ratio
    return {row: columns for row, columns in panels.items() if max(map(len, columns.values())) >= LEAST_CELLS}


def heatmap(panels: Panels, variant: str, path: Path) -> None:
    """Hidden size by batch, coloured by the ratio: blue where fastlm is better, red where the peer is."""
    columns = list(dict.fromkeys(column for row in panels.values() for column in row))
    cells = {cell for row in panels.values() for panel in row.values() for cell in panel}
    hiddens, batches = (sorted(set(sizes)) for sizes in zip(*cells, strict=True))
    norm = colors.LogNorm(1 / 4, 4)  # centred at 1; the same in every picture, so that pictures can be compared
    figure, grid = pyplot.subplots(
        len(panels),
        len(columns),
        figsize=(1 + 0.55 * len(batches) * len(columns), 1.1 + (0.5 + 0.36 * len(hiddens)) * len(panels)),
        squeeze=False,
        sharex=True,
        sharey=True,
        layout="constrained",
    )
    mappable = pyplot.cm.ScalarMappable(norm, colormaps["RdBu"])
    for (row, panel_columns), row_axes in zip(panels.items(), grid, strict=True):
        for column, axes in zip(columns, row_axes, strict=True):
            panel = panel_columns.get(column, {})
            values = [[panel.get((hidden, batch), math.nan) for batch in batches] for hidden in hiddens]
            axes.imshow(values, cmap=mappable.cmap, norm=norm, aspect="auto")
            for (hidden, batch), ratio in panel.items():
                dark = abs(math.log(ratio)) > math.log(2.25)
                place = batches.index(batch), hiddens.index(hidden)
                text = f"{ratio:.2f}" if ratio < 9.95 else f"{ratio:.0f}"
                axes.text(*place, text, ha="center", va="center", fontsize=8, color="white" if dark else "black")
            axes.set_xticks(range(len(batches)), batches)
            axes.set_yticks(range(len(hiddens)), hiddens)
            axes.tick_params(length=0, labelsize=8)
            axes.spines[:].set_visible(False)
            axes.set_title(f"{column}, {row}", fontsize=9)
    if variant:
        figure.suptitle(variant, fontsize=10)
    figure.supxlabel("batch", fontsize=9)
    figure.supylabel("hidden size", fontsize=9)
    bar = figure.colorbar(mappable, ax=grid, extend="both", aspect=30, pad=0.01, fraction=0.02)
    bar.set_ticks([1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4], labels=["¼", "⅓", "½", "1", "2", "3", "4"])
    bar.ax.minorticks_off()
    bar.set_label("times faster than torch.nn", fontsize=9)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
