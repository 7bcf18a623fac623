"""The results of :func:`fastlm.lm.gradients.gradients` as a table, as files and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastlm.lm.gradients import CellGradients
from fastlm.lm.reports import new_figure, save_csv, save_figure, save_json

NAMES = {"rnn_tanh": "Elman, tanh", "rnn_relu": "Elman, ReLU", "gru": "GRU", "lstm": "LSTM", "indrnn": "IndRNN"}


def reach_rows(found: Sequence[CellGradients]) -> list[dict[str, Any]]:
    """A row for each cell: the gradient some steps back, over that one step back, untrained and trained."""
    rows = []
    for cell in found:
        last = len(cell.trained) - 1
        row: dict[str, Any] = {"cell": NAMES.get(cell.cell, cell.cell)}
        for name, norms, value in zip(
            ("untrained", "trained"), (cell.untrained, cell.trained), cell.singular_values, strict=True
        ):
            row[f"largest singular value, {name}"] = value
            for k in sorted({min(10, last), last}):
                row[f"{k} steps back, {name}"] = norms[k] / norms[1] if norms[1] else 0.0
        rows.append(row)
    return rows


def clipping_rows(found: Sequence[CellGradients]) -> list[dict[str, Any]]:
    """A row for each cell: how often and how far its gradient exploded, and the loss with clipping and without."""
    rows = []
    for cell in found:
        clip = cell.clipped.clip or 0.0
        row: dict[str, Any] = {"cell": NAMES.get(cell.cell, cell.cell)}
        for name, run in {"without clipping": cell.unclipped, "with clipping": cell.clipped}.items():
            row[f"exploding steps, {name}"] = f"{run.exploding(clip)} of {len(run.losses) + (run.diverged is not None)}"
            row[f"largest norm, {name}"] = run.largest
            row[f"loss, {name}"] = f"diverged at step {run.diverged}" if run.diverged else run.loss
        row["largest norm after clipping"] = max(cell.clipped.norms_after)
        rows.append(row)
    return rows


def save_gradients(folder: Path, found: Sequence[CellGradients]) -> list[Path]:
    """Writes gradients.csv, clipping.csv, gradients.json and gradients.png, and returns their names.

    Raises:
        OSError: a file cannot be written.
        ModuleNotFoundError: matplotlib is needed.
    """
    picture = _picture(found)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("gradients.csv", "clipping.csv", "gradients.json", "gradients.png")]
    save_csv(
        paths[0],
        (
            {"cell": cell.cell, "trained": int(norms is cell.trained), "steps_back": k, "norm": norm}
            for cell in found
            for norms in (cell.untrained, cell.trained)
            for k, norm in enumerate(norms)
        ),
    )
    save_csv(
        paths[1],
        (
            {"cell": cell.cell, "clip": run.clip, "step": i, "loss": loss, "norm": norm, "norm_after": after}
            for cell in found
            for run in (cell.clipped, cell.unclipped)
            for i, (loss, norm, after) in enumerate(zip(run.losses, run.norms, run.norms_after, strict=True), 1)
        ),
    )
    save_json(paths[2], [asdict(cell) for cell in found])
    save_figure(paths[3], picture)
    return paths


def _picture(found: Sequence[CellGradients]) -> Any:
    figure, (reach, norms, losses) = new_figure(3, 15, 4.5)
    for i, cell in enumerate(found):
        name, color = NAMES.get(cell.cell, cell.cell), f"C{i}"
        reach.plot(cell.untrained, color=color, linestyle="--", linewidth=1)
        reach.plot(cell.trained, color=color, label=name)
        norms.plot(cell.clipped.norms, color=color, linewidth=1, label=name)
        losses.plot(cell.clipped.losses, color=color, label=name)
        losses.plot(cell.unclipped.losses, color=color, linestyle=":", linewidth=1)
    for axes in (reach, norms, losses):
        axes.set_yscale("log")
    norms.axhline(found[0].clipped.clip, color="black", linewidth=1)
    reach.set(xlabel="steps back, k", ylabel="|d loss(t) / d state(t-k)|", title="Reach (dashed: untrained)")
    norms.set(xlabel="step of training", ylabel="norm of the gradient, before clipping", title="Clipped at the line")
    losses.set(xlabel="step of training", ylabel="loss, nats a token", title="With clipping (dotted: without)")
    reach.legend()
    return figure
