"""One table of several."""

from __future__ import annotations

import os
from collections.abc import Iterable

from fastlm.ngram._engine import integer
from fastlm.ngram.files import load
from fastlm.ngram.table import Table


def merge(tables: Iterable[Table | str | os.PathLike[str]], *, threads: int = 0) -> Table:
    """Adds the counts of several tables, as if their texts had been counted together.

    A word that one of them counted as ``<unk>`` stays ``<unk>`` there. Vocabularies that are the same keep their
    numbers; others are united, the most frequent words first.

    Args:
        tables: tables, or paths of files of them.
        threads: 0: one for each processor.

    Returns:
        A table of the least of their orders.

    Raises:
        ValueError: there is none, or a file holds a model.
        OSError: a file cannot be opened.

    Example:
        >>> from fastlm import ngram
        >>> parts = [ngram.count_sentences([line], order=2) for line in ("a b", "a b c")]
        >>> ngram.merge(parts)["a b"]
        2
    """
    if isinstance(tables, str | os.PathLike):
        raise TypeError("expected several tables, got one path; put it into a list")
    loaded = [table if isinstance(table, Table) else _table(table) for table in tables]
    if not loaded:
        raise ValueError("expected at least one table to merge, got none")
    return loaded[0].merge(*loaded[1:], threads=integer("threads", threads, 0, 1024))


def _table(path: str | os.PathLike[str]) -> Table:
    table = load(path)
    if not isinstance(table, Table):
        raise ValueError(f"{os.fspath(path)}: expected a table of counts, got a model")
    return table
