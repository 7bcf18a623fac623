"""Sentences with labels, and sentences with tags, from files."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

_CONLLU = 10  # columns: word and tag are the second and the fourth


def read_labelled(
    path: str | os.PathLike[str], *, label: str | None = None, text: str | None = None
) -> list[tuple[str, str]]:
    r"""Labels and texts of a table: ``.tsv`` with tabs, else with commas and quotes as CSV has them.

    Args:
        path: of the file, in UTF-8.
        label: the column of the labels; None: that of the name ``label`` if there is one, else the first.
        text: the column of the texts; None: that of the name ``text`` if there is one, else the second.

    Returns:
        ``(label, text)`` of each row; a first row of names is left out.

    Raises:
        ValueError: there is no such column, a row lacks one, or there are no rows; with file and line.
        OSError: the file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(f"{folder}/reviews.csv").write_text('label,text\ngood,"well, well"\nbad,no\n')
        ...     read_labelled(f"{folder}/reviews.csv")
        [('good', 'well, well'), ('bad', 'no')]
    """
    name = os.fspath(path)
    tabs = name.endswith(".tsv")
    lines = io.StringIO(_text(name), newline="")
    rows = csv.reader(lines, "excel-tab" if tabs else "excel", quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL)
    try:
        found = [(rows.line_num, row) for row in rows if row]
    except csv.Error as error:
        raise ValueError(f"{name}:{rows.line_num}: {error}") from None
    if not found:
        raise ValueError(f"{name}: expected rows of a label and a text, got none")
    names = found[0][1]
    header = {label or "label", text or "text"} <= set(names)
    if not header and (label or text):
        raise ValueError(
            f"{name}:1: expected the names of columns, {label or 'label'} and {text or 'text'}, got {names}"
        )
    places = (names.index(label or "label"), names.index(text or "text")) if header else (0, 1)
    examples = []
    for line, row in found[header:]:
        if len(row) <= max(places):
            raise ValueError(
                f"{name}:{line}: expected at least {max(places) + 1} columns, a label and a text, got {row}"
            )
        examples.append((row[places[0]], row[places[1]]))
    if not examples:
        raise ValueError(f"{name}: expected rows of a label and a text, got none")
    return examples


def read_tagged(
    path: str | os.PathLike[str], *, word: int | None = None, tag: int | None = None
) -> list[tuple[list[str], list[str]]]:
    """Words and tags of a file in a CoNLL format: a word a line, an empty line behind each sentence.

    Args:
        path: of the file, in UTF-8. With ten columns it is of Universal Dependencies (CoNLL-U): the second column has
            the words, the fourth their parts of speech, and lines of several words or of none are left out. Lines that
            begin with ``#`` and have no tab are comments.
        word: the column of the words, from 1; None: the second of ten, else the first.
        tag: the column of the tags; None: the fourth of ten, else the last.

    Returns:
        ``(words, tags)`` of each sentence.

    Raises:
        ValueError: a line has too few columns, or there is no sentence; with file and line.
        OSError: the file cannot be read.
    """
    name = os.fspath(path)
    sentences: list[tuple[list[str], list[str]]] = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*_text(name).split("\n"), ""], 1):
        if not line.strip():
            if words:
                sentences.append((words, tags))
            words, tags = [], []
            continue
        line = line.rstrip("\r")
        columns = line.split("\t") if "\t" in line else line.split()
        universal = len(columns) == _CONLLU
        if line.startswith("#") and "\t" not in line:
            continue
        if universal and not columns[0].isdigit():  # 3-4: two words written as one; 8.1: one that is not written
            continue
        places = (word or (2 if universal else 1), tag or (4 if universal else len(columns)))
        if len(columns) < max(2, *places):
            raise ValueError(f"{name}:{number}: expected a word and its tag in {max(2, *places)} columns, got {line!r}")
        words.append(columns[places[0] - 1])
        tags.append(columns[places[1] - 1])
    if not sentences:
        raise ValueError(f"{name}: expected sentences, a word and its tag a line, got none")
    return sentences


def _text(name: str) -> str:
    """A file in UTF-8; a byte order mark, as spreadsheets write it, is left out."""
    content = Path(name).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{name}:{line}: invalid UTF-8 ({error.reason}); convert it: iconv") from None
