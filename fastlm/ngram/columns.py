"""One column of JSON Lines or of Arrow's data: Parquet, Feather, tables in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

Value = str | list[str] | list[int]
"""A text, the tokens of a sentence, or its ids."""

_PARQUET, _ARROW = b"PAR1", b"ARROW1"
MAGICS = (_PARQUET, _ARROW)


def is_arrow(source: object) -> bool:
    """Whether it is a table or a column in memory that Arrow's C interface gives out: of pyarrow, polars, ..."""
    return hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__")


def json_values(name: str, lines: Iterator[tuple[int, str]], column: str) -> Iterator[tuple[int, Value]]:
    """Of each numbered line the value of a field, without those that are null.

    Raises:
        ValueError: a line is not a JSON object, has no such field, or no text in it.
    """
    for number, line in lines:
        if not line.strip():
            continue
        try:
            fields = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{name}:{number}: expected JSON ({error})") from None
        if not isinstance(fields, dict) or column not in fields:
            found = f"an object with {', '.join(map(repr, fields))}" if isinstance(fields, dict) else repr(fields)[:60]
            raise ValueError(f"{name}:{number}: expected an object with the field {column!r}, got {found}")
        value = fields[column]
        if value is not None:
            yield number, _checked(value, f"{name}:{number}: ")


def file_values(name: str, file: BinaryIO, magic: bytes, column: str | None) -> Iterator[tuple[int, Value]]:
    """Of each row of a Parquet or Arrow file the value of a column.

    Raises:
        ValueError: the file is damaged, or has no such column of text, tokens or ids.
        ModuleNotFoundError: without the package pyarrow.
    """
    arrow = _pyarrow(name)
    try:
        if magic == _PARQUET:
            parquet = arrow.parquet.ParquetFile(file)
            path = _column(name, parquet.schema_arrow, column)
            batches = (batch.column(0) for batch in parquet.iter_batches(columns=[path]))
        else:
            reader = arrow.ipc.open_file(file)
            path = _column(name, reader.schema, column)
            batches = (reader.get_batch(i).column(path) for i in range(reader.num_record_batches))
        yield from _rows(name, batches)
    except arrow.ArrowException as error:
        raise ValueError(f"{name}: cannot be read as {'Parquet' if magic == _PARQUET else 'Arrow'} ({error})") from None


def arrow_values(source: Any, column: str | None) -> Iterator[tuple[int, Value]]:
    """The same of a table or column in memory.

    Raises:
        ValueError: there is no such column of text, tokens or ids.
        ModuleNotFoundError: without the package pyarrow.
    """
    name = type(source).__name__
    arrow = _pyarrow(name)
    if hasattr(source, "__arrow_c_array__") and not hasattr(source, "__arrow_c_stream__"):
        found = arrow.record_batch(source) if hasattr(source, "schema") else arrow.array(source)
        batches = iter([found.column(_column(name, found.schema, column)) if hasattr(source, "schema") else found])
    elif isinstance(source, arrow.ChunkedArray) or not (hasattr(source, "schema") or hasattr(source, "columns")):
        batches = iter(arrow.chunked_array(source).chunks)
    else:
        reader = arrow.RecordBatchReader.from_stream(source)
        path = _column(name, reader.schema, column)
        batches = (batch.column(path) for batch in reader)
    yield from _rows(name, batches)


def _pyarrow(name: str) -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
        import pyarrow.parquet
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"{name}: Arrow's data needs the package pyarrow; pip install 'fastlm[arrow]'", name="pyarrow"
        ) from None
    return pyarrow


def _column(name: str, schema: Any, column: str | None) -> str:
    names = ", ".join(map(repr, schema.names))
    if column is None:
        raise ValueError(f"{name}: which column is the text? column= one of {names}")
    if schema.names.count(column) != 1:
        raise ValueError(f"{name}: expected one column {column!r}, got {names}")
    return column


def _rows(name: str, batches: Iterator[Any]) -> Iterator[tuple[int, Value]]:
    number = 0
    for batch in batches:
        for value in batch.to_pylist():
            number += 1
            if value is not None:
                yield number, _checked(value, f"{name}, row {number}: ")


def _checked(value: Any, place: str) -> Value:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, type(value[0])) for item in value):
        kind = type(value[0]) if value else str
        if kind in (str, int):
            return value
    raise ValueError(f"{place}expected text, a list of tokens or a list of ids, got {repr(value)[:60]}")
