"""What a training run writes down: a table in CSV or JSON lines, and curves for TensorBoard."""

from __future__ import annotations

import csv
import io
import json
import os
from typing import Any

from fastlm.lm.files import Path

_TRAINING = ("step", "epoch", "tokens", "seconds", "lr", "loss", "perplexity", "grad_norm")
FIELDS = (*_TRAINING, "valid_loss", "valid_perplexity")


class Log:
    """A table that grows by a row at a time; a run that is resumed cuts off what it is going to write again.

    Args:
        path: ``.csv``, or else JSON lines.
        kept: bytes of the file that stay, if it is there; 0: a new file.

    Raises:
        OSError: it cannot be written.
        ValueError: it is shorter than what is to stay.
    """

    def __init__(self, path: Path, kept: int = 0) -> None:
        self._csv = os.fspath(path).endswith(".csv")
        there = os.path.getsize(path) if os.path.isfile(path) else 0
        kept = kept if there else 0
        if there < kept:
            name = os.fspath(path)
            raise ValueError(f"{name}: expected the log of the run that is resumed, {kept} bytes, got {there}")
        self._file = open(path, "r+b" if kept else "wb")  # noqa: SIM115
        self._file.truncate(kept)
        self._file.seek(kept)
        if self._csv and not kept:
            self._add(FIELDS)

    def write(self, row: dict[str, Any]) -> None:
        """Adds a row; in CSV, what it has not is empty."""
        if self._csv:
            self._add([row.get(name, "") for name in FIELDS])
        else:
            self._file.write(json.dumps(row).encode() + b"\n")

    def flush(self) -> int:
        """Makes sure that all is in the file; returns its bytes."""
        self._file.flush()
        return self._file.tell()

    def close(self) -> None:
        """The end."""
        self._file.close()

    def _add(self, values: Any) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(values)
        self._file.write(line.getvalue().encode())


class Curves:
    """The same for TensorBoard.

    Args:
        folder: of the run.
        step: where the run goes on; what was written behind it is hidden.

    Raises:
        ModuleNotFoundError: the package tensorboard is needed.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "TensorBoard's logs need the package tensorboard; pip install 'fastlm[tensorboard]'", name="tensorboard"
            ) from None
        self._writer = SummaryWriter(os.fspath(folder), purge_step=step or None)

    def write(self, row: dict[str, Any]) -> None:
        """Adds a point to each curve."""
        for name, value in row.items():
            if name not in ("step", "tokens", "seconds"):
                self._writer.add_scalar(name, value, row["step"])

    def close(self) -> None:
        """The end."""
        self._writer.close()
