"""Counts for other programs: arrays, Arrow's tables, lines of text; and counts from lines of text."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from fastlm import _ngram as engine
from fastlm.ngram._engine import integer
from fastlm.ngram.inputs import sources_of
from fastlm.ngram.output import created
from fastlm.ngram.text import Path, blocks_of, opened
from fastlm.ngram.tokenization import WHITESPACE, Tokenization, Tokenizer

if TYPE_CHECKING:
    from fastlm.ngram.table import Table

AT_ONCE = 1 << 16
"""N-grams that are taken from the engine in one call."""
_COLUMNS = ("ngram", "words", "ids", "count")


class Exports:
    """The part of :class:`fastlm.ngram.Table` that gives its n-grams to other programs."""

    _table: engine.Table

    def to_numpy(self, order: int) -> tuple[np.ndarray, np.ndarray]:
        """The n-grams of an order, sorted: the numbers of their words, a row each, and their counts.

        Raises:
            ValueError: there is no such order.

        Example:
            >>> from fastlm import ngram
            >>> words, counts = ngram.count_sentences(["a b"], order=2).to_numpy(2)
            >>> words.tolist(), counts.tolist()
            ([[1, 3], [3, 4], [4, 2]], [1, 1, 1])
        """
        return self._table.ngrams(self._order(order), 0, 2**63)

    def to_arrow(self, order: int | None = None, *, columns: Sequence[str] = ("ngram", "ids", "count")) -> Any:
        """The n-grams as a table of pyarrow, sorted, in pieces of 65,536 rows.

        Args:
            order: only n-grams of so many words; None: order by order.
            columns: ``"ngram"``: string, the words with spaces between; ``"words"``: a list of words, as numbers into
                a dictionary; ``"ids"``: a list of uint32, places in ``vocabulary``; ``"count"``: uint64. Ids, the
                numbers of words and counts are not copied from the arrays that the engine gives.

        Returns:
            A ``pyarrow.Table``.

        Raises:
            ValueError: there is no such order, or no such column.
            ModuleNotFoundError: the package pyarrow is not there.

        Example:
            >>> from fastlm import ngram
            >>> table = ngram.count_sentences(["a b"], order=2).to_arrow(2)
            >>> table.column("ngram").to_pylist()
            ['<s> a', 'a b', 'b </s>']
        """
        try:
            import pyarrow as pa
            import pyarrow.compute
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "Arrow's data needs the package pyarrow; pip install 'fastlm[arrow]'", name="pyarrow"
            ) from None
        wrong = [column for column in columns if column not in _COLUMNS]
        if wrong or not columns:
            raise ValueError(f"columns must be some of {', '.join(_COLUMNS)}, got {', '.join(wrong) or 'none'}")
        orders = range(1, self._table.order + 1) if order is None else [self._order(order)]
        vocabulary = pa.array([self._table.word(i) for i in range(self._table.vocabulary_size)], pa.string())
        word = pa.dictionary(pa.uint32(), pa.string())
        kinds = {"ngram": pa.string(), "words": pa.list_(word), "ids": pa.list_(pa.uint32()), "count": pa.uint64()}

        def batch(rows: np.ndarray, counts: np.ndarray) -> Any:
            ids = pa.array(rows.reshape(-1), pa.uint32())
            ends = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int32)

            def listed(values: Any) -> Any:
                return pa.ListArray.from_arrays(pa.array(ends), values)

            make: dict[str, Callable[[], Any]] = {
                "ngram": lambda: pyarrow.compute.binary_join(listed(vocabulary.take(ids)), " "),
                "words": lambda: listed(pa.DictionaryArray.from_arrays(ids, vocabulary)),
                "ids": lambda: listed(ids),
                "count": lambda: pa.array(counts, pa.uint64()),
            }
            return pa.record_batch([make[column]() for column in columns], schema)

        schema = pa.schema([(column, kinds[column]) for column in columns])
        return pa.Table.from_batches((batch(*chunk) for n in orders for chunk in self._chunks(n)), schema)

    def save_tsv(
        self, path: str | os.PathLike[str], *, orders: int | Iterable[int] | None = None, min_count: int = 1
    ) -> None:
        r"""Writes n-grams as lines: words with spaces between, a tab, the count. :func:`read_counts` reads them.

        They come order by order, sorted by the numbers of the words.

        Args:
            path: ``.gz``, ``.zst``, ``.bz2`` or ``.xz`` at its end compresses; ``"-"`` is standard output. It is
                written under another name in the same folder and renamed: the file is whole, or as it was.
            orders: only n-grams of so many words; None: of every order.
            min_count: only those that occur so often or more.

        Raises:
            OSError: the file cannot be written.
            ValueError: there is no such order.
            ModuleNotFoundError: the name ends with ``.zst``, and the package zstandard is not there.

        Example:
            >>> from fastlm import ngram
            >>> import pathlib, tempfile
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     ngram.count_sentences(["a b", "a c"], order=2).save_tsv(f"{folder}/counts.tsv", min_count=2)
            ...     pathlib.Path(f"{folder}/counts.tsv").read_text().split("\n")
            ['<s>\t2', '</s>\t2', 'a\t2', '<s> a\t2', '']
        """
        if orders is None:
            chosen = list(range(1, self._table.order + 1))
        else:
            chosen = [self._order(n) for n in ([orders] if isinstance(orders, int) else orders)]
        least = integer("min_count", min_count, 0, 2**64 - 1)
        with created(path) as file:
            for n in chosen:
                self._table.write(n, least, file.write)

    def _order(self, order: int) -> int:
        return integer("order", order, 1, self._table.order)

    def _chunks(self, order: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for begin in range(0, self._table.counts[order - 1], AT_ONCE):
            yield self._table.ngrams(order, begin, begin + AT_ONCE)


def read_counts(
    paths: Path | BinaryIO | Iterable[Path | BinaryIO],
    *,
    tokenizer: Tokenizer | Tokenization = WHITESPACE,
    lower: bool = False,
    progress: Callable[[], object] | None = None,
) -> Table:
    r"""Makes a table of n-grams that stand in text files with their counts: ``w1 w2 w3<TAB>count``.

    So :meth:`Table.save_tsv` writes them, and SRILM's ngram-count. They may come in any order. Of n-grams whose begin
    or end is not there, it is added: it occurs as often as the longer n-grams that begin, or end, with it, whichever
    is more. So a list of trigrams alone is enough, but for sentences that are shorter.

    Args:
        paths: one or several: paths, ``"-"`` for standard input, patterns and folders as for
            :func:`fastlm.ngram.count`, or files open for reading bytes; plain or compressed. Counts of several files
            add; in one file an n-gram stands once.
        tokenizer: how the text became words, as for :func:`fastlm.ngram.count`, which the table remembers.
        lower: whether it was put into lower case.
        progress: called now and then, while a file is read.

    Returns:
        A table of the order of the longest n-gram, whose words are numbered by falling count.

    Raises:
        OSError: a file cannot be read.
        ValueError: a line is not as it should be; an n-gram stands twice in a file, or occurs less often than longer
            ones that begin or end with it. The message has file and line.
        ModuleNotFoundError: a file is compressed by Zstandard, and the package zstandard is not there.

    Example:
        >>> import io
        >>> table = read_counts(io.BytesIO(b"<s> a\t2\na b\t1\na c\t1\nb </s>\t1\nc </s>\t1\n"))
        >>> table.counts, table["a"], table.sentences
        ([5, 5], 2, 2)
    """
    from fastlm.ngram.table import Table  # which is made of exports, so one of the two imports has to wait

    tokenization = tokenizer if isinstance(tokenizer, Tokenization) else Tokenization(tokenizer, lower=lower)
    reader = engine.CountsReader(tokenization="" if tokenization == Tokenization() else tokenization.to_json())
    after_block = progress or (lambda: None)
    for source in sources_of(paths):
        if not isinstance(source, str | os.PathLike) and not hasattr(source, "read"):
            raise TypeError(f"expected a path or a file open for reading bytes, got {source!r}")
        with opened(source) as (name, file):
            reader.begin(name)
            for block in blocks_of(name, file):
                reader.add(block)
                after_block()
    return Table(reader.finish(), tokenization)
