"""Results as files: JSON, CSV and pictures, each whole or not there."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fastlm.lm.files import written


def save_json(path: Path, data: Any) -> None:
    """Writes JSON; numbers that are not finite, which it does not have, become null."""
    with written(path) as temporary:
        Path(temporary).write_text(json.dumps(finite(data), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def save_csv(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows with the same keys, which become the header."""
    table = list(rows)
    with written(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(table[0]))
        writer.writeheader()
        writer.writerows(table)


def save_figure(path: Path, figure: Any) -> None:
    """Writes a figure of matplotlib as PNG."""
    with written(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120)


def new_figure(columns: int, width: float, height: float) -> tuple[Any, Any]:
    """A figure of matplotlib and its axes, side by side, that needs no screen.

    Raises:
        ModuleNotFoundError: matplotlib is needed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        message = "pictures need the package matplotlib; pip install 'fastlm[plot]'"
        raise ModuleNotFoundError(message, name="matplotlib") from None
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(1, columns)


def finite(data: Any) -> Any:
    """The same with None in the place of numbers that are not finite.

    >>> finite({"a": [1.0, float("inf")]})
    {'a': [1.0, None]}
    """
    if isinstance(data, Mapping):
        return {key: finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data
